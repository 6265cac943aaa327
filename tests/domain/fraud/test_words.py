"""What reviewers read: sentences hold at their edges, for none, one, many and unknown."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from tests.domain.fraud.rows import OTHER, START, VENDOR, a_row, assessed, facts_in, months_of_work
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.presence_facts import PresenceFacts
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.domain.fraud.score import assess
from vendorpay.domain.fraud.words_of_money import counted, share, span
from vendorpay.domain.fraud_history import History

AWKWARD = re.compile(r"\bNone\b|\bnan\b|\b(0|no) (payments|minutes?|photos)\b|\b1 \w+s\b(?! of work)|(?<![\d.,])0\.0%")
NEW = UUID(int=99)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *[(0, "less than a minute"), (59.9, "less than a minute"), (60, "1 minute"), (89, "1 minute")],
        *[(91, "2 minutes"), (7_199, "120 minutes"), (7_200, "2 hours"), (172_800, "2 days")],
    ],
)
def test_a_span_of_time_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_none_and_one_are_said_as_people_say_them() -> None:
    assert [counted(number, "payment") for number in range(3)] == ["no payment", "1 payment", "2 payments"]
    assert [share(part) for part in (0.0, 0.0004, 0.001, 0.25)] == ["none", "less than 0.1%", "0.1%", "25.0%"]


def sentence(found: Assessment, code: str) -> str:
    return next(finding.message for finding in found.findings if finding.code == code)


def test_a_vendor_who_was_never_seen_is_not_called_known() -> None:
    """What was done later may be on record first."""
    others = a_row(100, START - timedelta(days=90), vendor_id=OTHER)

    def said_after(*rows: FraudRow, at: datetime = START) -> str:
        history = History()
        for row in (others, *rows):
            history.record(row)
        return sentence(assessed(history, a_row(2, at)), "new_vendor")

    assert said_after() == "This is the first payment to the vendor."
    assert said_after(a_row(5, START + timedelta(minutes=3))) == "No earlier payment to the vendor is known."
    assert said_after(a_row(1, START)) == "The vendor is known for less than a minute only, by 1 payment."
    minutes_later = said_after(a_row(1, START), at=START + timedelta(minutes=1))
    assert minutes_later == "The vendor is known for 1 minute only, by 1 payment."


def test_what_is_unknown_of_the_work_is_not_told_as_nothing() -> None:
    work = months_of_work()
    history = History()
    for row in work:
        history.record(row)
    at = (work[-1].occurred_at + timedelta(days=1)).replace(hour=3)
    facts = facts_in(history, a_row(1_000, at, duration_min=1, photo_count=0))

    def told(**known: int | None) -> str:
        presence: PresenceFacts = msgspec.structs.replace(facts.presence, **known)
        return sentence(assess(msgspec.structs.replace(facts, presence=presence), DEFAULT), "ghost_job")

    assert told().startswith("1 minute of work at 03h UTC with no photo: ")
    assert told(photo_count=None).startswith("1 minute of work at 03h UTC: ")
    assert told(duration_min=None).startswith("Work at 03h UTC with no photo: ")


def odd_rows() -> Iterator[FraudRow]:
    """Ordinary work, and among it payments with whatever is odd, missing, at once, or the first of its kind."""
    chance = random.Random(11)
    for row in months_of_work(payments=70):
        yield row
        told = {
            "vendor_id": chance.choice((VENDOR, NEW, UUID(int=100 + chance.randrange(40)))),
            "base_cents": chance.choice((None, 18_000, 18_000, 30_000, 99_900, 500_000)),
            "mileage_cents": chance.choice((None, 0, 2_000, 26_000)),
            "duration_min": chance.choice((None, 0, 1, 2, 60)),
            "photo_count": chance.choice((None, 0, 1, 2)),
            "service_type": chance.choice((None, "towing", f"kind {chance.randrange(5)}")),
            "currency": chance.choice(("USD", "USD", "EUR")),
            "amount_cents": chance.choice((20_000, 90_000, 99_900, 500_000)),
            "lines_key": chance.choice((1, chance.randrange(10**6))),
        }
        hour = timedelta(hours=chance.choice((0, 0, 7, 15)), seconds=chance.choice((0, 0, 30, 61)))
        for _ in range(chance.choice((1, 1, 4, 12))):
            number = 10**6 + chance.randrange(10**9)
            yield msgspec.structs.replace(a_row(number, row.occurred_at + hour), **told)


def test_no_sentence_of_any_signal_is_awkward() -> None:
    history, said = History(), dict[str, str]()
    for row in sorted(odd_rows(), key=lambda row: row.occurred_at):
        for finding in assessed(history, row).findings:
            assert AWKWARD.search(finding.message) is None, finding.message
            said[finding.code] = finding.message
        history.record(row)
    assert len(said) >= 12, f"only these spoke: {said}"
