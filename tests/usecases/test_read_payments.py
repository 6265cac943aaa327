"""Reading: everybody sees their own rows and no others, by every filter, page by page."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    OTHER_DISPATCHER,
    World,
    a_caller,
    a_new_payment,
    open_world,
)
from vendorpay.domain.errors import Forbidden, InvalidRequest, NotFound
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.payment import PayerType, Payment
from vendorpay.domain.roles import Caller, Role
from vendorpay.store import db
from vendorpay.usecases import check_readiness, list_payments, read_audit_log, read_payment
from vendorpay.usecases.list_payments import PaymentFilter

pytestmark = pytest.mark.anyio
VENDOR, DRIVER = uuid4(), uuid4()
STRANGER = a_caller(Role.ADMIN, org_id="another")
OF_VENDOR = a_caller(Role.VENDOR, "vendor-user", vendor_id=VENDOR)
OF_DRIVER = a_caller(Role.DRIVER, str(DRIVER))


async def _ids(world: World, caller: Caller, **where: Any) -> set[UUID]:
    page = await list_payments.page(world.deps, caller, PaymentFilter(**where), limit=200)
    assert page.next_cursor is None
    return {payment.payment_id for payment in page.payments}


async def test_fault_50_every_reading_is_held_to_the_callers_rows(world: World) -> None:
    of_vendor = await world.create(a_new_payment(vendor_id=VENDOR))
    of_driver = await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=DRIVER))
    of_nobody = await world.create()
    of_stranger = await world.create(a_new_payment(vendor_id=VENDOR), by=STRANGER)
    every = (of_vendor, of_driver, of_nobody, of_stranger)
    sees: list[tuple[Caller, list[Payment]]] = [
        (ADMIN, [of_vendor, of_driver, of_nobody]),
        (STRANGER, [of_stranger]),
        (OF_VENDOR, [of_vendor]),
        (OF_DRIVER, [of_driver]),
        (a_caller(Role.VENDOR, "x", vendor_id=uuid4()), []),
        (a_caller(Role.VENDOR, "x", vendor_id=VENDOR, org_id="third"), []),
        (a_caller(Role.DRIVER, str(DRIVER), org_id="another"), []),
    ]
    for caller, visible in sees:
        ids = {payment.payment_id for payment in visible}
        assert await _ids(world, caller) == ids
        for payment in every:
            for reading in (
                read_payment.get(world.deps, caller, payment.payment_id),
                read_payment.newest_for_incident(world.deps, caller, payment.incident_id),
            ):
                if payment.payment_id in ids:
                    assert await reading == payment
                else:
                    with pytest.raises(NotFound):
                        await reading


async def test_fault_50_queues_and_audit_logs_are_held_to_the_callers_organisation(world: World) -> None:
    made = await world.create()
    assert [one.payment_id for one in (await list_payments.pending(world.deps, ADMIN, limit=9)).payments] == [
        made.payment_id
    ]
    assert (await list_payments.pending(world.deps, STRANGER, limit=9)).payments == ()
    assert len(await read_audit_log.entries(world.deps, ADMIN, made.payment_id)) == 1
    for caller, asked in ((STRANGER, made.payment_id), (ADMIN, world.new_command_id())):
        with pytest.raises(NotFound):
            await read_audit_log.entries(world.deps, caller, asked)


async def test_a_payee_whose_token_does_not_say_which_sees_nothing(world: World) -> None:
    for caller in (a_caller(Role.VENDOR), a_caller(Role.DRIVER, "no-uuid")):
        with pytest.raises(Forbidden):
            await list_payments.page(world.deps, caller, PaymentFilter(), limit=9)


async def test_every_filter_alone_and_with_others(world: World) -> None:
    start = world.clock.at
    one = await world.create(a_new_payment(vendor_id=VENDOR, reference="A", lines=((1, 100),)))
    two = await world.create(a_new_payment(vendor_id=VENDOR, lines=((1, 200),)))
    three = await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=DRIVER, lines=((1, 300),)))
    await world.approve(two.payment_id)
    cases: list[tuple[dict[str, Any], list[Payment]]] = [
        ({}, [one, two, three]),
        ({"incident_id": one.incident_id}, [one]),
        ({"vendor_id": VENDOR}, [one, two]),
        ({"status": PaymentStatus.APPROVED}, [two]),
        ({"payer_type": PayerType.DRIVER_IC}, [three]),
        ({"reference": "A"}, [one]),
        ({"reference": ""}, [two, three]),
        ({"reference": "B"}, []),
        ({"created_from": two.created_at}, [two, three]),
        ({"created_to": two.created_at}, [one]),
        ({"created_from": one.created_at, "created_to": three.created_at}, [one, two]),
        ({"created_from": start - timedelta(days=9), "created_to": start}, []),
        ({"min_amount_cents": 200}, [two, three]),
        ({"max_amount_cents": 200}, [one, two]),
        ({"min_amount_cents": 200, "max_amount_cents": 200}, [two]),
        ({"vendor_id": VENDOR, "status": PaymentStatus.PENDING_APPROVAL}, [one]),
        ({"vendor_id": VENDOR, "status": PaymentStatus.PENDING_APPROVAL, "max_amount_cents": 99}, []),
        ({"vendor_id": uuid4()}, []),
    ]
    for where, expected in cases:
        assert await _ids(world, ADMIN, **where) == {payment.payment_id for payment in expected}, where
    assert await _ids(world, OF_VENDOR, vendor_id=uuid4()) == set()
    assert await _ids(world, OF_DRIVER, vendor_id=VENDOR) == set(), "a filter never widens a scope"


async def test_times_far_from_now_filter_like_any_other(world: World) -> None:
    made = await world.create()
    for early in (datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=14))), datetime(1900, 1, 1, tzinfo=UTC)):
        assert await _ids(world, ADMIN, created_from=early) == {made.payment_id}
        assert await _ids(world, ADMIN, created_to=early) == set()
    late = datetime(9998, 12, 31, tzinfo=UTC)
    assert await _ids(world, ADMIN, created_to=late) == {made.payment_id}
    assert await _ids(world, ADMIN, created_from=late) == set()


async def test_fault_77_pages_skip_and_double_nothing_while_others_come_in(world: World) -> None:
    there = [(await world.create()).payment_id for _ in range(23)]
    seen: list[UUID] = []
    cursor = None
    while True:
        page = await list_payments.page(world.deps, ADMIN, PaymentFilter(), limit=5, cursor=cursor)
        seen += [payment.payment_id for payment in page.payments]
        await world.create()
        if (cursor := page.next_cursor) is None:
            break
    assert seen == there[::-1]


async def test_fault_77_the_queue_skips_and_doubles_nothing_while_others_come_and_go(world: World) -> None:
    there = [(await world.create()).payment_id for _ in range(12)]
    seen: list[UUID] = []
    cursor = None
    while True:
        page = await list_payments.pending(world.deps, ADMIN, limit=3, cursor=cursor)
        seen += [payment.payment_id for payment in page.payments]
        await world.approve(page.payments[0].payment_id)
        if len(seen) == 6:
            there.append((await world.create()).payment_id)
        if (cursor := page.next_cursor) is None:
            break
    assert seen == there


async def test_the_queue_holds_what_waits_for_the_back_office_oldest_first_and_by_offset(world: World) -> None:
    waiting = [(await world.create()).payment_id for _ in range(4)]
    await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=DRIVER))
    await world.in_status("rejected")
    page = await list_payments.pending(world.deps, ADMIN, limit=200)
    assert [payment.payment_id for payment in page.payments] == waiting
    page = await list_payments.pending(world.deps, ADMIN, limit=2, offset=1)
    assert [payment.payment_id for payment in page.payments] == waiting[1:3]
    assert page.next_cursor is not None
    page = await list_payments.pending(world.deps, ADMIN, limit=2, cursor=page.next_cursor)
    assert [payment.payment_id for payment in page.payments] == waiting[3:]


async def test_a_cursor_is_good_for_its_own_list_alone(world: World) -> None:
    for _ in range(3):
        await world.create()
    newest = (await list_payments.page(world.deps, ADMIN, PaymentFilter(), limit=1)).next_cursor
    oldest = (await list_payments.pending(world.deps, ADMIN, limit=1)).next_cursor
    assert newest is not None
    assert oldest is not None
    broken = [newest[:-1], newest + "A", newest.swapcase(), "", "=", "é", "\x00", "A" * 27, "A" * 10_000, f" {newest}"]
    for cursor in (oldest, *broken):
        with pytest.raises(InvalidRequest) as caught:
            await list_payments.page(world.deps, ADMIN, PaymentFilter(), limit=1, cursor=cursor)
        assert [fault.field for fault in caught.value.faults] == ["cursor"]
    with pytest.raises(InvalidRequest):
        await list_payments.pending(world.deps, ADMIN, limit=1, cursor=newest)


async def test_an_incidents_payment_is_the_newest_live_one_else_the_newest(world: World) -> None:
    incident_id = uuid4()
    first = await world.create(a_new_payment(incident_id=incident_id))
    second = await world.create(a_new_payment(incident_id=incident_id))
    asked = [await read_payment.newest_for_incident(world.deps, ADMIN, incident_id)]
    await world.reject(second.payment_id)
    asked.append(await read_payment.newest_for_incident(world.deps, ADMIN, incident_id))
    await world.cancel(first.payment_id)
    asked.append(await read_payment.newest_for_incident(world.deps, ADMIN, incident_id))
    assert [payment.payment_id for payment in asked] == [second.payment_id, first.payment_id, second.payment_id]


async def test_fault_76_the_audit_log_can_be_read_oldest_first(world: World) -> None:
    made = await world.create()
    await world.approve(made.payment_id, by=OTHER_DISPATCHER, notes="fine")
    await world.cancel(made.payment_id, reason="no", notes="really", reason_code="other")
    lines = await read_audit_log.entries(world.deps, DISPATCHER, made.payment_id)
    assert [(line.seq, line.action, line.previous_status, line.new_status, line.notes) for line in lines] == [
        (1, "payment_created", None, "pending_approval", None),
        (2, "payment_approved", "pending_approval", "approved", "fine"),
        (3, "payment_cancelled", "approved", "cancelled", "no\n\nreally"),
    ]
    assert [line.prev_hash for line in lines] == ["00" * 32, lines[0].hash, lines[1].hash]
    assert [line.actor_id for line in lines] == [DISPATCHER.sub, OTHER_DISPATCHER.sub, ADMIN.sub]


async def test_fault_24_readiness_looks_at_the_database_its_schema_and_its_partitions(world: World) -> None:
    ready = await check_readiness.check(world.deps)
    assert (ready.ready, set(ready.checks.values())) == (True, {"ok"})
    world.clock.advance(days=365 * 3)
    late = await check_readiness.check(world.deps)
    assert not late.ready
    assert "partition" in late.checks["partitions"]
    world.rows("DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM schema_migrations) RETURNING 1")
    assert (await check_readiness.check(world.deps)).checks["schema"] != "ok"


async def test_an_empty_database_is_not_ready_and_no_error(empty_database_urls: DatabaseUrls) -> None:
    async with open_world(empty_database_urls) as world:
        found = await check_readiness.check(world.deps)
        assert not found.ready
        assert (found.checks["database"], "migrate" in found.checks["schema"]) == ("ok", True)


async def test_a_database_that_is_away_is_not_ready_and_no_error(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "WAIT_S_MAX", 0.5)
    async with open_world(database_urls, app_url="postgresql://nobody@127.0.0.1:1/none") as world:
        found = await check_readiness.check(world.deps)
        assert not found.ready
        assert found.checks["database"] != "ok"
