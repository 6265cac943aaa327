"""An approval policy is proposed by one person and activated by another; payments that come later have its rules."""

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    SERVICE,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    open_world,
    work_completed,
)
from vendorpay.domain import policy as documents
from vendorpay.domain.errors import FourEyes, NotFound, PaymentHeld, PoliciesOff, PolicyDenied, PolicyLapsed
from vendorpay.domain.lifecycle import PaymentStatus
from vendorpay.domain.policies import PolicyStatus, PolicyVersion
from vendorpay.domain.policy import DEFAULT
from vendorpay.domain.policy_document import Policy
from vendorpay.domain.roles import Caller, Role
from vendorpay.store import batch_writer
from vendorpay.store.batch_writer import Rows
from vendorpay.store.db import Connection
from vendorpay.usecases import list_policies, record_event
from vendorpay.usecases.activate_policy import ActivatePolicy
from vendorpay.usecases.command import Done
from vendorpay.usecases.propose_policy import ProposePolicy

pytestmark = pytest.mark.anyio

OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")
ONE = [[{"role": "dispatcher"}]]


def a_policy(*rules: dict[str, Any], **fields: Any) -> Policy:
    """A document; without rules, one admin approves whatever it is."""
    last = {"name": "all others", "anyOf": [[{"role": "admin"}]]}
    return documents.read(msgspec.json.encode({"rules": [*rules, last], **fields}))


def version_in(done: Done) -> PolicyVersion:
    return msgspec.json.decode(done.answer, type=PolicyVersion)


async def propose(world: World, document: Policy, by: Caller = ADMIN) -> PolicyVersion:
    command = ProposePolicy(command_id=world.new_command_id(), caller=by, document=document, notes="because")
    return version_in(await world.submit(command))


async def activate(world: World, version: PolicyVersion, by: Caller = OTHER_ADMIN) -> PolicyVersion:
    assert version.policy_id is not None
    command = ActivatePolicy(command_id=world.new_command_id(), caller=by, policy_id=version.policy_id)
    return version_in(await world.submit(command))


async def under(world: World, *rules: dict[str, Any], **fields: Any) -> PolicyVersion:
    """A policy that applies from now on."""
    return await activate(world, await propose(world, a_policy(*rules, **fields)))


async def rule_at_birth(world: World, **fields: Any) -> tuple[int, str]:
    payment = await world.create(a_new_payment(**fields))
    assert payment.policy is not None
    return payment.policy.version, payment.policy.rule


async def test_a_proposal_changes_nothing_and_its_activation_what_comes_after(ruled_world: World) -> None:
    before = await ruled_world.create(a_new_payment())
    proposed = await propose(ruled_world, a_policy())
    assert (proposed.version, proposed.status) == (1, PolicyStatus.PROPOSED)
    assert await rule_at_birth(ruled_world) == (0, "up to 1,000.00")
    active = await activate(ruled_world, proposed)
    assert (active.status, active.activated_by) == (PolicyStatus.ACTIVE, OTHER_ADMIN.sub)
    assert await rule_at_birth(ruled_world) == (1, "all others")
    assert (await ruled_world.approve(before.payment_id)).status is PaymentStatus.APPROVED
    assert (await ruled_world.audit()).clean


async def test_whoever_proposed_does_not_activate(ruled_world: World) -> None:
    """Origin 52 once more: rules that one person can change are no rules."""
    proposed = await propose(ruled_world, a_policy())
    with pytest.raises(FourEyes):
        await activate(ruled_world, proposed, by=ADMIN)


async def test_another_process_gives_the_new_rules_from_the_first_payment_on(
    ruled_world: World, database_urls: DatabaseUrls
) -> None:
    async with open_world(database_urls, by_policy=True) as other:
        assert await rule_at_birth(other) == (0, "up to 1,000.00")
        await under(ruled_world)
        assert await rule_at_birth(other) == (1, "all others")
        await under(ruled_world, {"name": "dollars", "when": {"currencies": ["USD"]}, "anyOf": ONE})
        recorded = await record_event.record(other.deps, SERVICE, [work_completed() for _ in range(5)], None)
        assert len(recorded.results) == 5
    versions = [row["v"] for row in ruled_world.rows("SELECT approval_rule->>'version' AS v FROM payments ORDER BY 1")]
    assert versions == ["0", "1", *["2"] * 5]


async def test_what_was_replaced_comes_back_only_when_it_is_proposed_again(ruled_world: World) -> None:
    """Nobody alone goes to and fro between versions to which others agreed long ago."""
    first, second = await under(ruled_world), await under(ruled_world)
    forgotten, third = await propose(ruled_world, a_policy()), await propose(ruled_world, first.document)
    await activate(ruled_world, third)
    for lapsed in (first, second, forgotten):
        with pytest.raises(PolicyLapsed):
            await activate(ruled_world, lapsed, by=a_caller(Role.ADMIN, "admin-3"))
    again = await activate(ruled_world, third)
    page = await list_policies.page(ruled_world.deps, ADMIN, limit=10)
    assert [(one.version, one.status) for one in page.policies] == [
        (4, PolicyStatus.ACTIVE),
        (3, PolicyStatus.LAPSED),
        (2, PolicyStatus.REPLACED),
        (1, PolicyStatus.REPLACED),
    ]
    assert again.activated_at == page.active.activated_at, "and once"
    assert await rule_at_birth(ruled_world) == (4, "all others")
    assert (await ruled_world.audit()).clean


async def test_a_payment_whose_rule_was_chosen_before_an_activation_gets_another(
    ruled_world: World, database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is activated between the look and the write, the schema sees, and the payment is decided about again."""
    real, tries = batch_writer.write_and_commit, 0

    async def late(connection: Connection, rows: Rows) -> None:
        nonlocal tries
        tries += "payments" in rows.by_block
        if tries == 1 and "payments" in rows.by_block:
            await under(ruled_world)
        await real(connection, rows)

    async with open_world(database_urls, by_policy=True) as other:
        monkeypatch.setattr("vendorpay.usecases.carry_out._knows_enough", lambda *_: False)
        monkeypatch.setattr("vendorpay.usecases.carry_out.write_and_commit", late)
        assert await rule_at_birth(other) == (1, "all others")
    assert (tries, ruled_world.count("payments")) == (2, 1)
    assert (await ruled_world.audit()).clean


async def test_what_was_done_is_on_record_and_published(ruled_world: World) -> None:
    await under(ruled_world)
    actions = ruled_world.rows(
        "SELECT action, actor_id, previous_status, new_status FROM payment_audit_log"
        " WHERE subject_type = 'policy' ORDER BY seq"
    )
    assert [tuple(row.values()) for row in actions] == [
        ("policy_proposed", ADMIN.sub, None, "proposed"),
        ("policy_activated", OTHER_ADMIN.sub, "proposed", "activated"),
    ]
    events = ruled_world.rows("SELECT event_type, detail->>'policyVersion' AS v FROM outbox ORDER BY sequence")
    assert [tuple(row.values()) for row in events] == [("PolicyProposed", "1"), ("PolicyActivated", "1")]


async def test_organisations_have_their_own(ruled_world: World) -> None:
    theirs = replace_org(ADMIN, "elsewhere")
    await under(ruled_world)
    assert (await list_policies.page(ruled_world.deps, theirs, limit=10)).active.document == DEFAULT
    proposed = await propose(ruled_world, a_policy(), by=theirs)
    assert proposed.version == 1
    with pytest.raises(NotFound):
        await activate(ruled_world, proposed)


def replace_org(caller: Caller, org_id: str) -> Caller:
    return msgspec.structs.replace(caller, org_id=org_id)


async def test_numbers_are_given_one_after_the_other(ruled_world: World, database_urls: DatabaseUrls) -> None:
    import asyncio

    async with open_world(database_urls, by_policy=True) as other:
        worlds = [ruled_world, other] * 5
        proposed = await asyncio.gather(*(propose(world, a_policy()) for world in worlds))
    assert sorted(one.version for one in proposed) == list(range(1, 11))


async def test_a_plain_number_leaves_no_room_for_policies(world: World) -> None:
    with pytest.raises(PoliciesOff):
        await propose(world, a_policy())


async def test_a_rule_that_holds_places_its_hold_with_the_payment(ruled_world: World) -> None:
    """Origin 80: a wrong payment is held, and somebody releases it; nothing waits for ever."""
    await under(ruled_world, {"name": "wait", "effect": "hold", "when": {"currencies": ["USD"]}, "anyOf": ONE})
    payment = await ruled_world.create(a_new_payment())
    assert [(hold.by, hold.kind.value) for hold in payment.holds] == [("system:policy", "manual")]
    with pytest.raises(PaymentHeld):
        await ruled_world.approve(payment.payment_id)
    await ruled_world.submit(ruled_world.release(payment.payment_id))
    assert (await ruled_world.approve(payment.payment_id)).status is PaymentStatus.APPROVED
    edited = await ruled_world.update(payment.payment_id, a_patch(lines=[(1, 5)]))
    assert len(edited.holds) == 1
    assert (await ruled_world.audit()).clean
    kinds = [row["event_type"] for row in ruled_world.rows("SELECT event_type FROM outbox WHERE sequence <= 2")]
    assert kinds.count("PaymentHeld") == 1


async def test_a_rule_that_denies_leaves_only_other_ways(ruled_world: World) -> None:
    await under(ruled_world, {"name": "no dollars", "effect": "deny", "when": {"currencies": ["USD"]}})
    payment = await ruled_world.create(a_new_payment())
    with pytest.raises(PolicyDenied) as caught:
        await ruled_world.approve(payment.payment_id, by=ADMIN)
    assert "no dollars" in str(caught.value)
    assert (await ruled_world.reject(payment.payment_id)).status is PaymentStatus.REJECTED


async def test_a_new_vendor_is_one_of_whom_nothing_was_approved(ruled_world: World) -> None:
    await under(ruled_world, {"name": "known", "when": {"vendorIsNew": False}, "anyOf": ONE})
    vendor = uuid4()
    first = await ruled_world.create(a_new_payment(vendor_id=vendor))
    assert first.policy is not None
    assert first.policy.rule == "all others"
    assert await rule_at_birth(ruled_world, vendor_id=vendor) == (1, "all others")
    await ruled_world.approve(first.payment_id, by=ADMIN)
    assert await rule_at_birth(ruled_world, vendor_id=vendor) == (1, "known")
    assert await rule_at_birth(ruled_world) == (1, "all others")


async def test_conditions_see_what_a_payment_brings(ruled_world: World) -> None:
    await under(
        ruled_world,
        {"name": "tows by events", "when": {"sources": ["event"], "serviceTypes": ["towing"]}, "anyOf": ONE},
        {"name": "mine", "when": {"creators": [DISPATCHER.sub]}, "anyOf": ONE},
    )
    await record_event.record(ruled_world.deps, SERVICE, [work_completed()], None)
    (row,) = ruled_world.rows("SELECT approval_rule->>'rule' AS rule FROM payments")
    assert row["rule"] == "tows by events"
    assert await rule_at_birth(ruled_world) == (1, "mine")
