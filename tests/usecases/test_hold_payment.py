"""Holds: whoever placed them, they stop approval and payout until somebody releases them; their words can be erased."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests import database as rows_of_tests
from tests.database import WAYS, change, hold, stored, write
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    OTHER_DISPATCHER,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    payment_in,
)
from vendorpay.domain.errors import (
    FraudReviewRequired,
    InvalidTransition,
    NotFound,
    PaymentHeld,
    PreconditionFailed,
)
from vendorpay.domain.payment import HOLDS_MAX, HoldKind, PayerType, Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import list_payments, read_audit_log, read_payment
from vendorpay.usecases.list_payments import PaymentFilter

pytestmark = pytest.mark.anyio


async def held(world: World, payment_id: UUID, **fields: Any) -> Payment:
    return payment_in(await world.submit(world.hold(payment_id, **fields)))


async def released(world: World, payment_id: UUID, **fields: Any) -> Payment:
    return payment_in(await world.submit(world.release(payment_id, **fields)))


def held_by_the_service(world: World, payment_id: UUID, kind: HoldKind) -> None:
    """As a part of the service will do that there is not yet."""
    with psycopg.connect(world.urls.app) as connection:
        payment = stored(connection, payment_id)
        rows = change(payment, actor="system:fraud", open_holds=payment["open_holds"] + 1)
        rows.holds.append(hold(payment, "system:fraud", kind=kind, reason_characters=0))
        write(connection, rows)


async def test_fault_80_a_payment_can_be_held_and_released_and_says_by_whom_and_why(world: World) -> None:
    """Origin 80: there was no hold, so a doubtful payment was approved or waited for ever."""
    made = await world.create()
    stopped = await held(world, made.payment_id, reason="no photo", notes="asked the driver", reason_code="other")
    (only,) = stopped.holds
    assert (only.kind, only.reason, only.by, only.at) == (
        "manual",
        "no photo",
        OTHER_DISPATCHER.sub,
        stopped.updated_at,
    )
    assert (stopped.status, stopped.version, stopped.content_version) == ("pending_approval", 2, 1)
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == stopped
    (listed,) = (await list_payments.page(world.deps, ADMIN, PaymentFilter(), limit=5, cursor=None)).payments
    assert listed == stopped
    with pytest.raises(PaymentHeld, match="1 open hold"):
        await world.approve(made.payment_id, by=ADMIN)
    free = await released(world, made.payment_id, by=ADMIN, notes="it came")
    assert (free.holds, free.version) == ((), 3)
    assert (await world.approve(made.payment_id, by=ADMIN)).status == "approved"
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    assert [(entry.action, entry.actor_id, entry.notes, entry.reason_code) for entry in entries[1:3]] == [
        ("payment_held", OTHER_DISPATCHER.sub, "no photo\n\nasked the driver", "other"),
        ("payment_released", ADMIN.sub, "it came", None),
    ]
    events = world.rows("SELECT event_type, detail FROM outbox ORDER BY sequence OFFSET 1 LIMIT 2")
    assert [event["event_type"] for event in events] == ["PaymentHeld", "PaymentReleased"]
    assert [events[0]["detail"][name] for name in ("kind", "heldBy", "reasonCode")] == [
        "manual",
        OTHER_DISPATCHER.sub,
        "other",
    ]
    assert (events[1]["detail"]["kinds"], events[1]["detail"]["releasedBy"]) == (["manual"], ADMIN.sub)
    assert "photo" not in str(events), "free text is never published"
    assert (await world.audit()).clean


@pytest.mark.parametrize("status", WAYS)
async def test_release_is_possible_where_hold_is(world: World, status: str) -> None:
    payment_id = await world.in_status(status)
    if status in ("pending_approval", "approved", "failed"):
        await held(world, payment_id)
        assert (await released(world, payment_id)).status == status
    else:
        with pytest.raises(InvalidTransition):
            await released(world, payment_id)


async def test_an_approved_payment_that_is_held_stays_approved_and_is_not_paid(world: World) -> None:
    payment_id = await world.in_status("approved")
    assert (await held(world, payment_id)).status == "approved"
    with psycopg.connect(world.urls.app) as connection:
        moving = rows_of_tests.moving(stored(connection, payment_id), "processing")
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            write(connection, moving)
    assert caught.value.diag.constraint_name == "payments_not_held"


async def test_several_people_hold_one_payment_and_one_release_ends_them_all(world: World) -> None:
    made = await world.create()
    for person in (ADMIN, OTHER_DISPATCHER, DISPATCHER):
        await held(world, made.payment_id, by=person, reason=f"says {person.sub}")
    stopped = await read_payment.get(world.deps, ADMIN, made.payment_id)
    assert [(one.by, one.reason) for one in stopped.holds] == [
        (person.sub, f"says {person.sub}") for person in (ADMIN, OTHER_DISPATCHER, DISPATCHER)
    ]
    assert (await released(world, made.payment_id)).holds == ()
    rows = world.rows("SELECT released_by, release_audit_seq FROM holds")
    assert [(row["released_by"], row["release_audit_seq"]) for row in rows] == [(OTHER_DISPATCHER.sub, 5)] * 3
    assert len((await held(world, made.payment_id)).holds) == 1, "and it can be held again"
    assert (await world.audit()).clean


async def test_the_holds_of_a_payment_have_a_limit(world: World) -> None:
    made = await world.create()
    for number in range(HOLDS_MAX):
        await held(world, made.payment_id, by=a_caller(Role.DISPATCHER, f"person-{number}"))
    with pytest.raises(PaymentHeld, match="20 open"):
        await held(world, made.payment_id)
    held_by_the_service(world, made.payment_id, HoldKind.FRAUD)  # people cannot keep the service's own away
    assert len((await read_payment.get(world.deps, ADMIN, made.payment_id)).holds) == HOLDS_MAX + 1


async def test_releasing_what_nobody_holds_changes_nothing(world: World) -> None:
    made = await world.create()
    assert await released(world, made.payment_id) == made
    assert (world.count("payment_audit_log"), world.count("outbox")) == (1, 1)
    assert world.count("commands") == 2, "but it is on record for its key"


async def test_people_release_what_people_hold_and_nothing_else(world: World) -> None:
    made = await world.create()
    held_by_the_service(world, made.payment_id, HoldKind.PAYEE_CHANGE)
    await held(world, made.payment_id)
    left = await released(world, made.payment_id)
    assert [one.kind for one in left.holds] == [HoldKind.PAYEE_CHANGE]
    with pytest.raises(PaymentHeld):
        await world.approve(made.payment_id, by=ADMIN)
    assert await released(world, made.payment_id) == left
    assert (await world.audit()).clean


async def test_a_hold_for_fraud_refuses_an_approval_as_an_open_case_does(world: World) -> None:
    made = await world.create()
    held_by_the_service(world, made.payment_id, HoldKind.FRAUD)
    await held(world, made.payment_id)
    with pytest.raises(FraudReviewRequired):
        await world.approve(made.payment_id, by=ADMIN)


async def test_a_drivers_payment_can_be_held_too(world: World) -> None:
    driver = a_new_payment().incident_id
    made = await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=driver))
    assert len((await held(world, made.payment_id)).holds) == 1
    assert (await released(world, made.payment_id)).holds == ()


@pytest.mark.parametrize("reason", ["x", "é日本\n\nsecond paragraph 🙂", "r" * 500])
async def test_the_reason_is_told_apart_from_the_notes_whatever_is_in_it(world: World, reason: str) -> None:
    made = await world.create()
    stopped = await held(world, made.payment_id, reason=reason, notes="\n\nand more")
    assert stopped.holds[0].reason == reason
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == stopped


async def test_the_words_of_a_hold_can_be_erased_and_it_still_holds(world: World) -> None:
    made = await world.create()
    await held(world, made.payment_id, reason="her licence is false")
    with psycopg.connect(world.urls.app) as connection:
        connection.execute("UPDATE audit_texts SET salt = NULL, text = NULL")
    (only,) = (await read_payment.get(world.deps, ADMIN, made.payment_id)).holds
    assert (only.reason, only.by) == ("", OTHER_DISPATCHER.sub)
    with pytest.raises(PaymentHeld):
        await world.approve(made.payment_id, by=ADMIN)
    assert "licence" not in str(world.rows("SELECT * FROM holds, payment_audit_log, outbox"))
    await released(world, made.payment_id)
    report = await world.audit()
    assert (report.clean, report.erased) == (True, 1)


@pytest.mark.parametrize("command_of", [World.hold, World.release, World.undoing])
async def test_fault_81_what_was_changed_since_it_was_seen_is_not_held_released_or_undone(
    world: World, command_of: Callable[..., Any]
) -> None:
    """Origin 81: two reviewers overwrote each other silently."""
    made = await world.create()
    await world.approve(made.payment_id)
    await held(world, made.payment_id, by=ADMIN)
    with pytest.raises(PreconditionFailed, match="version is 3"):
        await world.submit(command_of(world, made.payment_id, versions=frozenset({made.version})))
    with pytest.raises(NotFound):
        await world.submit(command_of(world, made.payment_id, by=a_caller(Role.ADMIN, org_id="another")))
    with pytest.raises(NotFound):
        await world.submit(command_of(world, world.new_command_id()))
    fresh = payment_in(await world.submit(command_of(world, made.payment_id, versions=frozenset({3}))))
    assert fresh.version == 4


async def test_new_content_leaves_a_hold_in_place(world: World) -> None:
    made = await world.create()
    await held(world, made.payment_id)
    edited = await world.update(made.payment_id, a_patch(lines=((1, 7),)))
    assert (edited.amount_cents, len(edited.holds)) == (7, 1)
    assert await read_payment.get(world.deps, ADMIN, made.payment_id) == edited
    assert (await released(world, made.payment_id)).version == 4
