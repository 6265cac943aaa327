"""Each signal speaks where it should, in a sentence with its figures, and is silent about ordinary work."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.domain.fraud.rows import OTHER, START, VENDOR, a_row, after, assessed, codes, facts_in, months_of_work
from vendorpay.domain.fraud.facts import facts_of
from vendorpay.domain.fraud.finding import Assessment, FraudStatus
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.domain.fraud.score import assess, honest_left
from vendorpay.domain.fraud.windows import Windows
from vendorpay.domain.fraud_history import History
from vendorpay.domain.fraud_signals import CODES, SIGNALS

STRANGER = UUID(int=99)


@pytest.fixture(scope="module")
def work() -> list[FraudRow]:
    return months_of_work()


def said(assessment: Assessment, code: str) -> str:
    """The sentence of one signal; the test fails when it is silent."""
    return next(finding.message for finding in assessment.findings if finding.code == code)


def one_by_one(history: History, rows: Iterable[FraudRow]) -> list[Assessment]:
    """What is said of each row before it is put on record."""
    found = []
    for row in rows:
        found.append(assessed(history, row))
        history.record(row)
    return found


def test_a_new_vendors_first_payment_of_five_thousand_is_flagged_and_says_that_a_prior_decided() -> None:
    row = a_row(1, START, service_type="tire change", base_cents=500_000, mileage_cents=0)
    found = assessed(History(), row)
    assert found.status is FraudStatus.FLAGGED
    assert {"high_amount", "new_vendor"} <= codes(found)
    assert "5000.00 USD" in said(found, "high_amount")
    assert "for no comparable payment is known" in said(found, "high_amount")


@pytest.mark.parametrize("others", [10, 20, 30, 59, 60, 80, 300])
@pytest.mark.parametrize("slips", [0, 1, 2])
def test_so_it_is_after_few_and_many_payments_of_others_and_whatever_slipped_in(others: int, slips: int) -> None:
    """Somebody who billed forty million by mistake had vouched for the five thousand of everybody else."""
    history, chance = History(), random.Random(others)
    for number in range(1, others + 1):
        price = 4_000_000_000 if number in (5, 25)[:slips] else chance.randrange(10_000, 200_000, 25)
        at, who = START + timedelta(hours=number), UUID(int=number % 7 + 100)
        history.record(a_row(number, at, vendor_id=who, service_type="towing", base_cents=price, mileage_cents=0))
    at = START + timedelta(hours=others + 1)
    first = a_row(others + 1, at, vendor_id=UUID(int=1), service_type="towing", base_cents=500_000, mileage_cents=0)
    found = assessed(history, first)
    assert found.status is FraudStatus.FLAGGED, found
    assert {"high_amount", "new_vendor"} <= codes(found)


@pytest.mark.parametrize("service", ["tire change", "towing", "never heard of", None])
@pytest.mark.parametrize("cents", [7_500, 15_000, 40_000])
def test_a_new_vendors_ordinary_first_payment_is_not_flagged(service: str | None, cents: int) -> None:
    found = assessed(History(), a_row(1, START, service_type=service, base_cents=cents, mileage_cents=0))
    assert found.score < 0.5
    assert codes(found) == {"new_vendor"}


def test_ordinary_work_is_hardly_ever_flagged(work: list[FraudRow]) -> None:
    history, flagged = History(), 0
    for row in work:
        flagged += assessed(history, row).status is FraudStatus.FLAGGED
        history.record(row)
    assert flagged == 0


def test_nothing_is_known_without_a_history_and_unknown_is_never_nought() -> None:
    """origin 16: every vendor looked one day old and never paid, for its facts had silently failed to come."""
    row = a_row(1, START, base_cents=None, mileage_cents=None, amount_cents=9_000, duration_min=None, photo_count=None)
    facts = facts_of(row, Windows())
    assert facts.pace.vendor_age_s is None
    assert (facts.amount.vendor, facts.amount.peers, facts.amount.mileage_cents) == (None, None, None)
    assert (facts.presence.duration_min, facts.presence.vendor_hour, facts.habits.account_age_s) == (None, None, None)
    assert codes(assess(facts, DEFAULT)) == {"new_vendor"}


def test_facts_leave_the_payment_itself_out_and_keep_currencies_apart(work: list[FraudRow]) -> None:
    """origin 78: the statistics counted the payment being scored, and averaged over all currencies."""
    history, at, number = after(work)
    mine = [row for row in work if row.vendor_id == VENDOR]
    facts = facts_in(history, a_row(number, at, base_cents=900_000))
    assert facts.amount.vendor is not None
    assert facts.amount.vendor.usual.count == len(mine) - len(mine) // 4
    assert facts.amount.vendor.usual.most < 40_000
    in_yen = facts_in(history, a_row(number, at, currency="JPY"))
    assert (in_yen.amount.vendor, in_yen.amount.peers) == (None, None)


def test_an_amount_far_above_the_vendors_usual_is_high(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    found = assessed(history, a_row(number, at, base_cents=54_000))
    assert found.status is FraudStatus.FLAGGED
    assert "2.9 times the median 192.20 of this vendor's" in said(found, "high_amount")


def test_several_times_the_usual_mileage_is_an_outlier(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    found = assessed(history, a_row(number, at, mileage_cents=26_000))
    assert found.status is FraudStatus.FLAGGED
    assert "260.00 USD beside a base price of 180.00 USD" in said(found, "mileage_outlier")


def far_and_long(minutes_by_dollar: float) -> list[FraudRow]:
    """Work whose duration goes with the way to it, or does not."""
    chance, found = random.Random(4), []
    for row in months_of_work():
        cents = round(4_000 * chance.lognormvariate(0, 0.5))
        minutes = round(30 * chance.lognormvariate(0, 0.15) + minutes_by_dollar * cents / 100)
        found.append(
            msgspec.structs.replace(
                row,
                mileage_cents=cents,
                duration_min=minutes,
                amount_cents=(row.base_cents or 0) + cents,
            )
        )
    return found


def test_a_far_way_that_took_its_time_is_honest_and_one_that_took_none_is_not() -> None:
    history, at, number = after(far_and_long(minutes_by_dollar=0.5))
    took_long = assessed(history, a_row(number, at, mileage_cents=16_000, duration_min=110))
    took_none = assessed(history, a_row(number, at, mileage_cents=16_000, duration_min=50))
    assert took_long.score < 0.5
    assert took_none.status is FraudStatus.FLAGGED
    assert "So far a way takes this vendor about 11" in said(took_none, "mileage_outlier")


def test_durations_that_know_nothing_of_the_way_say_nothing_of_a_mileage() -> None:
    history, at, number = after(far_and_long(minutes_by_dollar=0))
    facts = facts_in(history, a_row(number, at, mileage_cents=16_000, duration_min=30))
    assert facts.way is None


def test_two_weak_signs_of_different_patterns_weigh_less_than_one_of_both_strengths() -> None:
    alone, beside = honest_left({"price": 0.6}), honest_left({"price": 0.6, "duplicate": 0.6})
    about_the_vendor = honest_left({"price": 0.6, "new vendor": 0.6})
    assert alone == pytest.approx(0.4)
    assert about_the_vendor == pytest.approx(0.16)
    assert about_the_vendor < beside < alone
    assert beside > 0.25


def test_a_second_bill_of_the_same_incident_is_a_duplicate_unless_the_first_is_dead(work: list[FraudRow]) -> None:
    for live in (True, False):
        history, at, number = after([*work[:-1], msgspec.structs.replace(work[-1], live=live)])
        found = assessed(history, a_row(number, at, vendor_id=work[-1].vendor_id, incident_id=work[-1].incident_id))
        assert ("duplicate_exact" in codes(found)) is live


def test_the_same_lines_days_later_are_a_duplicate(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    old = next(row for row in reversed(work) if row.vendor_id == VENDOR)
    copy = msgspec.structs.replace(old, payment_id=UUID(int=number), incident_id=UUID(int=5), occurred_at=at)
    found = assessed(history, copy)
    assert found.status is FraudStatus.FLAGGED
    assert "duplicate_exact" in codes(found)


def test_a_bill_with_small_edits_is_a_likely_copy(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    old = next(row for row in reversed(work) if row.vendor_id == VENDOR and row.mileage_cents)
    edits = {"base_cents": (old.base_cents or 0) + 150, "mileage_cents": old.mileage_cents, "driver_id": old.driver_id}
    found = assessed(history, a_row(number, at, **edits, duration_min=old.duration_min, photo_count=old.photo_count))
    assert "is for another incident, alike in" in said(found, "duplicate_fuzzy")


def test_bills_just_under_a_limit_come_to_be_a_split(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    rows = [a_row(number + n, at + timedelta(hours=n), base_cents=97_000 + 700 * n, mileage_cents=0) for n in range(3)]
    found = one_by_one(history, rows)[-1]
    assert "3 payments of this vendor within 72 hours lie just under 1000.00 USD" in said(found, "split_below_limit")
    assert found.status is FraudStatus.FLAGGED


def test_a_stranger_with_many_jobs_in_hours_is_a_burst() -> None:
    vendors = [UUID(int=number) for number in range(20, 32)]
    history, at, number = after(months_of_work(payments=360, vendors=vendors))
    rows = [a_row(number + job, at + timedelta(minutes=10 * job), vendor_id=STRANGER) for job in range(24)]
    found = one_by_one(history, rows)[-1]
    assert found.status is FraudStatus.FLAGGED
    assert {"new_vendor_burst", "velocity_24h"} <= codes(found)


def test_a_known_vendor_with_many_more_jobs_than_ever_has_changed_its_pace(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    rows = [a_row(number + job, at + timedelta(minutes=20 * job)) for job in range(14)]
    found = one_by_one(history, rows)[-1]
    assert "14 payments within 24 hours" in said(found, "velocity_change")


def test_no_time_no_photos_at_night_is_a_ghost(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    found = assessed(history, a_row(number, at.replace(hour=3), duration_min=1, photo_count=0))
    assert found.status is FraudStatus.FLAGGED
    assert {"ghost_job", "unusual_hour", "amount_vs_duration"} <= codes(found)
    assert "1 minute of work at 03h UTC with no photo" in said(found, "ghost_job")


def test_dear_jobs_with_one_driver_are_collusion(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    rows = [
        a_row(number + job, at + timedelta(hours=20 * job), base_cents=27_000, driver_id="d1", created_by="ada")
        for job in range(8)
    ]
    found = one_by_one(history, rows)[-1]
    assert found.status is FraudStatus.FLAGGED
    assert {"collusion", "price_rise"} <= codes(found)


def test_whoever_pays_themselves_deals_with_themselves(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    found = assessed(history, a_row(number, at, created_by="d1", driver_id="d1"))
    assert found.status is FraudStatus.FLAGGED
    assert "is the driver that it goes to" in said(found, "self_dealing")


def test_habits_that_change_are_told_and_alone_flag_nothing(work: list[FraudRow]) -> None:
    history, at, number = after([msgspec.structs.replace(row, extras=("toll",)) for row in work])
    row = a_row(number, at, amount_cents=20_000, extras=("bridge fee",))
    found = assessed(history, row)
    assert {"line_item_novelty", "round_amount"} <= codes(found)
    assert found.score < 0.5
    windows = msgspec.structs.replace(history.windows(row), account_changed_at=at - timedelta(days=2))
    changed = assess(facts_of(row, windows), DEFAULT)
    assert "payee account changed" in said(changed, "payee_account_recently_changed")
    assert "most are in USD" in said(assessed(history, a_row(number, at, currency="EUR")), "currency_change")


def test_digits_that_no_growth_makes_are_told() -> None:
    rows = [
        a_row(n, START + timedelta(hours=n), amount_cents=900 * 10 ** (n % 3), service_type=None) for n in range(1, 150)
    ]
    history, at, number = after(rows)
    assert "Benford" in said(assessed(history, a_row(number, at)), "benford")


def test_a_snoozed_signal_is_silent_for_its_vendor(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    facts = facts_in(history, a_row(number, at, mileage_cents=26_000))
    loud, quiet = assess(facts, DEFAULT), assess(facts, DEFAULT, snoozed={"mileage_outlier", "high_amount"})
    assert codes(loud) - codes(quiet) == {"mileage_outlier", "high_amount"}
    assert quiet.score < loud.score


def test_every_signal_of_the_table_has_a_name_a_weight_and_a_test() -> None:
    assert len(set(CODES)) == len(SIGNALS) >= 16
    assert all(0 < signal.weight <= 1 for signal in SIGNALS)
    words = Path(__file__).read_text("utf-8")
    assert [code for code in CODES if f'"{code}"' not in words] == []


def test_another_vendor_is_not_judged_by_this_ones_habits(work: list[FraudRow]) -> None:
    history, at, number = after([row for row in work if row.vendor_id == VENDOR])
    facts = facts_in(history, a_row(number, at, vendor_id=OTHER))
    assert facts.amount.vendor is None
    assert facts.pace.vendor_rows == 0
