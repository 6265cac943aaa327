"""Consumed events: a payment, a duplicate, or quarantine with reasons; never an error, never a blocked neighbour."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.usecases.world import (
    ADMIN,
    SERVICE,
    World,
    a_caller,
    a_key,
    a_new_payment,
    rounds,
    seeded,
    work_completed,
)
from vendorpay import metrics
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.roles import Caller, Role
from vendorpay.domain.work_completed import EVENT_BYTES_MAX
from vendorpay.usecases import read_payment
from vendorpay.usecases.record_event import EventResult, Verdict, record

pytestmark = pytest.mark.anyio


async def publish(world: World, *raws: bytes, by: Caller = SERVICE) -> list[EventResult]:
    return (await record(world.deps, by, raws, None)).results


async def test_fault_1_completed_work_becomes_a_payment_with_everything_that_was_said(world: World) -> None:
    raw = work_completed(
        id="evt-1",
        detail={
            "currency": "EUR",
            "reference": "INV-9",
            "pricing": {
                "basePrice": 12_000,
                "mileageCharge": 800,
                "additionalCharges": [{"description": "Winch", "amount": 1}],
            },
        },
    )
    (result,) = await publish(world, raw)
    assert (result.id, result.result) == ("evt-1", Verdict.ACCEPTED)
    payment = await read_payment.get(world.deps, ADMIN, result.payment_id or world.new_command_id())
    assert [(line.description, line.quantity, line.total_cents) for line in payment.line_items] == [
        ("Towing - Base Service", 1, 12_000),
        ("Mileage Charge", 1, 800),
        ("Winch", 1, 1),
    ]
    assert (payment.amount_cents, payment.currency, payment.reference) == (12_801, "EUR", "INV-9")
    assert (payment.created_by, payment.payer_type, payment.payer_id) == (SERVICE.sub, "back_office", None)
    assert payment.metadata == {
        "workCompletedAt": "2026-01-01T12:00:00Z",
        "serviceType": "Towing",
        "duration": 45,
        "photoCount": 2,
        "notes": "went well",
    }


async def test_fault_11_and_26_payment_event_and_inbox_are_one_transaction(world: World) -> None:
    await publish(world, work_completed())
    (created,) = world.rows("SELECT event_type, xmin::text FROM outbox")
    assert created["event_type"] == "PaymentCreated"
    for table in ("payments", "inbox", "commands"):
        assert world.rows(f"SELECT xmin::text FROM {table}") == [{"xmin": created["xmin"]}], table


async def test_fault_25_the_same_event_again_is_a_duplicate_and_names_its_payment(world: World) -> None:
    raw = work_completed(id="again")
    (first,) = await publish(world, raw)
    (second,) = await publish(world, raw)
    assert (second.result, second.payment_id) == (Verdict.DUPLICATE, first.payment_id)
    changed = work_completed(id="again", detail={"workDetails": {"photos": [], "serviceType": "Tyre", "duration": 1}})
    (third,) = await publish(world, changed)
    assert (third.result, third.payment_id) == (Verdict.DUPLICATE, first.payment_id)
    assert world.count("payments") == 1
    assert world.rows("SELECT source, event_id, event_type, payment_id FROM inbox") == [
        {
            "source": "roadcall.incident-service",
            "event_id": "again",
            "event_type": "WorkCompleted",
            "payment_id": first.payment_id,
        }
    ]


async def test_an_event_id_belongs_to_its_source_and_organisation(world: World) -> None:
    raws = [work_completed(id="1"), work_completed(id="1", source="roadcall.incident")]
    results = await publish(world, *raws)
    results += await publish(world, raws[0], by=a_caller(Role.SERVICE, org_id="another"))
    assert [one.result for one in results] == [Verdict.ACCEPTED] * 3


@pytest.mark.parametrize("end", ["pending_approval", "rejected", "cancelled", "approved"])
async def test_any_payment_for_the_job_makes_an_event_a_duplicate_a_rejected_one_too(world: World, end: str) -> None:
    payment_id = await world.in_status(end)
    payment = await read_payment.get(world.deps, ADMIN, payment_id)
    raw = work_completed(detail={"incidentId": str(payment.incident_id), "vendorId": str(payment.vendor_id)})
    (result,) = await publish(world, raw)
    assert (result.result, result.payment_id) == (Verdict.DUPLICATE, payment_id)
    assert world.count("inbox") == 1


async def test_two_events_for_one_job_in_one_request_make_one_payment(world: World) -> None:
    detail = {"incidentId": str(a_new_payment().incident_id), "vendorId": str(a_new_payment().vendor_id)}
    raws = [work_completed(detail=detail), work_completed(detail=detail), work_completed(detail=detail)]
    results = await publish(world, *raws, raws[0])
    assert sorted(one.result for one in results) == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert len({one.payment_id for one in results}) == 1


async def test_fault_74_a_drivers_event_keeps_its_driver(world: World) -> None:
    driver = a_new_payment().incident_id
    driven = work_completed(detail={"payerType": "driver_ic", "driverId": str(driver)})
    plain = work_completed(detail={"driverId": str(driver)})
    nobody = work_completed(detail={"payerType": "driver_ic"})
    results = await publish(world, driven, plain, nobody)
    assert [one.result for one in results] == ["accepted", "accepted", "rejected"]
    assert [fault.field for fault in results[2].errors] == ["detail.driverId"]
    payments = world.rows("SELECT payer_type, payer_id, required_approvals FROM payments ORDER BY payer_type DESC")
    assert payments == [
        {"payer_type": "driver_ic", "payer_id": driver, "required_approvals": 0},
        {"payer_type": "back_office", "payer_id": None, "required_approvals": 1},
    ]


@pytest.mark.parametrize(
    ("pricing", "field"),
    [
        ({"basePrice": 12.5, "mileageCharge": 0}, "detail.pricing.basePrice"),
        ({"basePrice": 12.0, "mileageCharge": 0}, "detail.pricing.basePrice"),
        ({"basePrice": "12", "mileageCharge": 0}, "detail.pricing.basePrice"),
        ({"basePrice": -1, "mileageCharge": 5}, "detail.pricing.basePrice"),
        ({"basePrice": 0, "mileageCharge": 0}, "detail.pricing"),
        ({"basePrice": 10**30, "mileageCharge": 0}, "detail.pricing.basePrice"),
        ({"mileageCharge": 5}, "detail.pricing.basePrice"),
    ],
)
async def test_fault_75_a_price_that_is_no_count_of_minor_units_is_rejected_by_name(
    world: World, pricing: dict[str, Any], field: str
) -> None:
    (result,) = await publish(world, work_completed(detail={"pricing": pricing}))
    assert result.result == Verdict.REJECTED
    assert [fault.field for fault in result.errors] == [field]


async def test_fault_75_mileage_of_zero_makes_no_line(world: World) -> None:
    await publish(world, work_completed(detail={"pricing": {"basePrice": 7, "mileageCharge": 0}}))
    assert [row["description"] for row in world.rows("SELECT description FROM payment_line_items")] == [
        "Towing - Base Service"
    ]


async def test_fault_7_what_cannot_be_read_is_kept_byte_for_byte_and_blocks_nobody(world: World) -> None:
    bad = [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"id": 7}', b"[" * 5000, work_completed(source="unknown")]
    good = [work_completed() for _ in bad]
    results = await publish(world, *(raw for pair in zip(bad, good, strict=True) for raw in pair))
    assert [one.result for one in results] == [Verdict.REJECTED, Verdict.ACCEPTED] * len(bad)
    assert all(one.reason for one in results[::2])
    assert {bytes(row["raw"]) for row in world.rows("SELECT raw FROM quarantine")} == set(bad)
    assert world.count("inbox") == len(good), "a rejected event does not enter the inbox"


async def test_unknown_types_and_sources_are_named(world: World) -> None:
    (one, two) = await publish(world, _of_another_type(), work_completed(source="elsewhere"))
    assert [fault.field for fault in one.errors] == ["detail-type"]
    assert [fault.field for fault in two.errors] == ["source"]


def _of_another_type() -> bytes:
    return work_completed().replace(b"WorkCompleted", b"WorkStarted")


async def test_identical_bytes_are_one_row_with_a_count_and_different_ones_are_not(world: World) -> None:
    bad = work_completed(id="same", source="elsewhere")
    await publish(world, bad, bad, bad)
    await publish(world, bad)
    await publish(world, bad + b" ")
    counts = world.rows("SELECT times_seen, last_seen_at > first_seen_at AS later FROM quarantine ORDER BY times_seen")
    assert counts == [{"times_seen": 1, "later": False}, {"times_seen": 4, "later": True}]


async def test_a_corrected_event_with_the_same_id_is_accepted(world: World) -> None:
    results = await publish(world, work_completed(id="x", detail={"pricing": {"basePrice": "1"}}))
    results += await publish(world, work_completed(id="x"))
    assert [(one.id, one.result) for one in results] == [("x", Verdict.REJECTED), ("x", Verdict.ACCEPTED)]


async def test_unknown_fields_of_an_event_are_ignored(world: World) -> None:
    raw = work_completed(account="1", region="eu", detail={"mediaUrls": [], "extra": {"deep": [1]}})
    assert [one.result for one in await publish(world, raw)] == [Verdict.ACCEPTED]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T12:00:00"])
async def test_a_time_at_the_end_of_time_is_no_error(world: World, moment: str) -> None:
    raw = work_completed(detail={"completedAt": moment})
    results = await publish(world, raw, work_completed())
    assert [one.result for one in results] == [Verdict.REJECTED, Verdict.ACCEPTED]


async def test_odd_texts_in_closed_sets_are_rejected_and_stored(world: World) -> None:
    raws = [work_completed(detail={"currency": text}) for text in ("\x00", "\\u0000", "usd", '"', "🤖" * 50)]
    raws += [work_completed(detail={"payerType": "\x00"}), work_completed(id="\x00"), work_completed(source="\x00")]
    results = await publish(world, *raws, work_completed())
    assert [one.result for one in results] == [Verdict.REJECTED] * len(raws) + [Verdict.ACCEPTED]
    assert world.count("quarantine") == len(raws)


async def test_events_with_a_value_replaced_at_random_never_end_in_an_error(world: World) -> None:
    """Whatever stands in a field: accepted, duplicate or rejected, and the neighbour is accepted."""
    chance = seeded("odd events")
    odd: list[Any] = [None, True, 0, -1, 1.5, 1e308, 2**63, 2**64, -(2**63) - 1, "", "\x00", "\u2028", "x" * 300]
    odd += ["0001-01-01T00:00:00+23:59", "x" * 9000, [], {}, [[]] * 3, {"a": None}, ["a"] * 300, "NULL", "{}", "\\"]
    for _ in range(rounds(quick=3, soak=200)):
        raws = [_with_one_value_replaced(chance.choice, odd) for _ in range(60)]
        results = await publish(world, *raws, work_completed())
        assert results[-1].result == Verdict.ACCEPTED
        assert {one.result for one in results} <= set(Verdict)
    assert world.rows("SELECT 1 FROM payments WHERE status <> %s", PaymentStatus.PENDING_APPROVAL.value) == []
    assert (await world.audit()).clean


def _with_one_value_replaced(choose: Any, odd: list[Any]) -> bytes:
    event = msgspec.json.decode(work_completed(detail={"driverId": None, "currency": "USD", "reference": "r"}))
    at = event
    while True:
        name = choose(sorted(at))
        if isinstance(at[name], dict) and choose([True, True, False]):
            at = at[name]
            continue
        at[name] = choose(odd)
        return bytes(msgspec.json.encode(event))


async def test_a_key_that_comes_twice_or_half_a_character_rejects_its_own_event_only(world: World) -> None:
    twice = work_completed().replace(b'"basePrice":12000', b'"basePrice":12000,"basePrice":9')
    half = work_completed().replace(b'"Towing"', b'"Towing\\ud800"')
    done = await record(world.deps, SERVICE, [twice, work_completed(), half], None)
    assert [one.result for one in done.results] == ["rejected", "accepted", "rejected"]
    assert "comes twice" in (done.results[0].reason or "")


async def test_equal_events_of_one_request_are_one_command(world: World) -> None:
    """Each was a commit of its own: a thousand empty events took eleven seconds, and several such requests 503."""
    good, bad = work_completed(id="good"), b"{}"
    results = await publish(world, *[bad, good, bad] * 300)
    assert [one.result for one in results[:4]] == ["rejected", "accepted", "rejected", "rejected"]
    assert results[0] == results[2] == results[899]
    again = {(one.result, one.payment_id) for one in results[4:] if one.id == "good"}
    assert again == {(Verdict.DUPLICATE, results[1].payment_id)}
    assert world.rows("SELECT times_seen FROM quarantine") == [{"times_seen": 600}]
    assert (world.count("commands"), world.count("payments")) == (2, 1)


async def test_equal_events_under_a_key_are_answered_alike_when_they_come_again(world: World) -> None:
    good, bad = work_completed(id="good"), b"{}"
    raws = [bad, good, good, bad, work_completed(id="last"), good]
    first = await record(world.deps, SERVICE, raws, a_key("k"))
    again = await record(world.deps, SERVICE, raws, a_key("k"))
    assert again.results == first.results
    assert (first.replayed, again.replayed) == (False, True)
    words = ["rejected", "accepted", "duplicate", "rejected", "accepted", "duplicate"]
    assert [one.result for one in first.results] == words
    assert world.rows("SELECT times_seen FROM quarantine") == [{"times_seen": 2}]
    keys = world.rows("SELECT idempotency_key AS key FROM commands ORDER BY 1")
    assert [row["key"] for row in keys] == ["k#0", "k#1", "k#4"]


async def test_events_for_one_job_never_wait_behind_each_other_in_the_queue(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not equal, so each has its commit; a command that waits for too long is refused with 503."""
    detail = {"incidentId": str(a_new_payment().incident_id), "vendorId": str(a_new_payment().vendor_id)}
    lengths: list[int] = []
    monkeypatch.setattr(metrics, "queue", lengths.append)
    crowds = [[work_completed(detail=detail) for _ in range(150)] for _ in range(3)]
    ended = await asyncio.gather(*(publish(world, *raws) for raws in crowds))
    assert sorted(one.result for each in ended for one in each) == ["accepted"] + ["duplicate"] * 449
    assert 1 <= max(lengths) <= len(crowds), "one of each crowd is in the queue, and none behind his own"


async def test_an_event_that_is_larger_than_any_can_be_is_rejected_and_kept(world: World) -> None:
    raw = work_completed(detail={"more": "x" * EVENT_BYTES_MAX})
    result, good = await publish(world, raw, work_completed())
    assert (result.result, good.result) == (Verdict.REJECTED, Verdict.ACCEPTED)
    assert str(EVENT_BYTES_MAX) in (result.reason or "")
    assert world.rows("SELECT raw FROM quarantine") == [{"raw": raw}]
