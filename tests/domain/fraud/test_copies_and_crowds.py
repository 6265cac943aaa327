"""What tells an edited copy, a ghost and a burst from honest work that looks like them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.domain.fraud.rows import VENDOR, a_row, after, assessed, codes, facts_in, months_of_work
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.words import similarity_key
from vendorpay.entrypoints.fraud_backtest.event_rows import event_row

NOTES = ("flat on the rear left wheel", "key locked in the trunk", "engine will not start at all")


@pytest.fixture(scope="module")
def work() -> list[FraudRow]:
    """Months of work with a few notes that come again and again."""
    return [
        msgspec.structs.replace(row, notes_key=similarity_key(NOTES[number % len(NOTES)]))
        for number, row in enumerate(months_of_work())
    ]


def alike_chance(work: list[FraudRow], **edits: Any) -> float:
    """How likely a bill is that is like the vendor's newest one with a way, but for the edits."""
    history, at, number = after(work)
    twin = next(row for row in reversed(work) if row.vendor_id == VENDOR and row.mileage_cents)
    told: dict[str, Any] = {
        "payment_id": UUID(int=number),
        "incident_id": UUID(int=5),
        "occurred_at": at,
        "base_cents": round((twin.base_cents or 0) * 1.04),
        "mileage_cents": twin.mileage_cents,
    } | edits
    told["amount_cents"] = told["base_cents"] + told["mileage_cents"]
    found = facts_in(history, msgspec.structs.replace(twin, **told)).duplicates.alike_chance
    assert found is not None
    return found


def test_a_mileage_that_is_the_same_to_the_cent_tells_more_than_one_that_is_near(work: list[FraudRow]) -> None:
    twin = next(row for row in reversed(work) if row.vendor_id == VENDOR and row.mileage_cents)
    near = (twin.mileage_cents or 0) + 1
    assert alike_chance(work) < alike_chance(work, mileage_cents=near) / 2


def test_mileages_from_a_list_tell_nothing_by_being_the_same(work: list[FraudRow]) -> None:
    listed = [msgspec.structs.replace(row, mileage_cents=2_000 if row.mileage_cents else 0) for row in work]
    assert alike_chance(listed) > alike_chance(work) * 10


def test_notes_that_were_edited_tell_more_than_those_that_are_written_all_the_time(work: list[FraudRow]) -> None:
    twin = next(row for row in reversed(work) if row.vendor_id == VENDOR and row.mileage_cents)
    words = next(words for words in NOTES if similarity_key(words) == twin.notes_key)
    edited = similarity_key(f"{words} again")
    assert edited != twin.notes_key
    assert alike_chance(work, notes_key=edited) < alike_chance(work) / 5


def test_an_eighth_of_the_usual_time_at_night_is_more_of_a_ghost_than_half_of_it(work: list[FraudRow]) -> None:
    history, at, number = after(work)
    strengths = []
    for minutes in (33, 5):
        night = a_row(number, at.replace(hour=2), duration_min=minutes, photo_count=0)
        found = [each.strength for each in assessed(history, night).findings if each.code == "ghost_job"]
        strengths.append(found[0] if found else 0.0)
    assert strengths[0] < strengths[1] - 0.1


def test_a_vendor_of_the_first_hour_is_not_new_where_all_are() -> None:
    rows = months_of_work(payments=12)
    history, at, number = after(rows)
    of_old = assessed(history, a_row(number, at, vendor_id=rows[0].vendor_id))
    stranger = assessed(history, a_row(number, at, vendor_id=UUID(int=99)))
    assert "new_vendor" not in codes(of_old)
    assert "new_vendor" in codes(stranger)


def test_a_dispatcher_is_found_in_an_events_metadata() -> None:
    detail = {
        "incidentId": "i",
        "vendorId": "v",
        "completedAt": "2026-03-02T09:00:00Z",
        "pricing": {"basePrice": 1_000, "mileageCharge": 0},
    }
    for told in ({"metadata": {"dispatcherId": "dora"}}, {"dispatcher": {"id": "dora"}}):
        event = {"id": "1", "detail-type": "WorkCompleted", "detail": detail | told}
        assert event_row(msgspec.json.encode(event)).row.created_by == "dora"
