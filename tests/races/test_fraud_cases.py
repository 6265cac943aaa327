"""A flagged payment whose case is decided while it is held, edited, scored anew and approved, in two processes."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    ORG,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    open_world,
    rounds,
    seeded,
)
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.errors import (
    AlreadyApproved,
    AlreadyDecided,
    FourEyes,
    FraudCaseDecided,
    FraudReviewRequired,
    InvalidTransition,
    PaymentHeld,
    ScorePending,
)
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment, FraudStatus
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_cases import CaseReason, Decision
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_audit_log, read_payment, score_payment
from vendorpay.usecases.command import Command, Done
from vendorpay.usecases.decide_fraud_case import AssignFraudCase, DecideFraudCase
from vendorpay.usecases.read_audit_log import AuditLine

pytestmark = pytest.mark.anyio
Worlds = tuple[World, World]

PEOPLE = tuple(a_caller(Role.ADMIN if number < 2 else Role.DISPATCHER, f"person-{number}") for number in range(5))
FLAGGED = 5_000_01
"""What is odd is flagged by this test's engine."""
APPROVALS = 14
EXPECTED = (
    AlreadyApproved
    | AlreadyDecided
    | FourEyes
    | FraudCaseDecided
    | FraudReviewRequired
    | InvalidTransition
    | PaymentHeld
    | ScorePending
)


class Suspicious(EmbeddedFraud):
    """The engine, with an opinion that does not change with the history: odd sums are flagged."""

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        found = await super().score(row, facts, rule_set, snoozed)
        is_odd = bool(row.amount_cents % 2)
        status = FraudStatus.FLAGGED if is_odd else FraudStatus.LOW_RISK
        return msgspec.structs.replace(found, score=0.9 if is_odd else 0.1, status=status)


@pytest.fixture
async def gated_worlds(database_urls: DatabaseUrls, anyio_backend: str) -> AsyncIterator[Worlds]:
    async with (
        open_world(database_urls, wait_s_max=60.0, by_policy=True, fraud_provider=Suspicious()) as one,
        open_world(database_urls, wait_s_max=60.0, by_policy=True, fraud_provider=Suspicious()) as two,
    ):
        yield one, two


@dataclass
class Replay:
    """What the rules say of a payment after each entry of its chain."""

    made_by: str
    edited_cents: int
    cents: int = FLAGGED
    status: str = "pending_approval"
    gate: str = "score_pending"
    case: bool = False
    confirmed: bool = False
    scored: bool = False
    held: bool = False
    editor: str = ""
    approvers: list[str] = field(default_factory=list)

    def take(self, entry: AuditLine) -> None:
        """Fails when no serial order allows it."""
        actor, strangers = entry.actor_id, {self.made_by, self.editor}
        match entry.action:
            case "payment_scored":
                assert self.gate == "score_pending" or not self.scored
                shut = self.case or self.confirmed or self.cents % 2
                self.scored, self.gate = True, "review_required" if shut else "clear"
            case "fraud_case_opened":
                assert (self.case, self.gate, self.scored) == (False, "review_required", True)
                self.case, self.gate = True, "review_required"
            case "fraud_case_cleared":
                assert self.case
                assert actor not in strangers
                self.case, self.gate = False, "clear" if self.scored else "score_pending"
            case "fraud_case_confirmed":
                assert self.case
                assert actor not in strangers
                self.case, self.confirmed = False, True
            case "payment_rejected":
                assert self.status == "pending_approval"
                self.status = "rejected"
            case "payment_cancelled":
                assert self.status == "approved"
                self.status = "cancelled"
            case "payment_held":
                self.held = True
            case "payment_released":
                self.held = False
            case "payment_updated":
                assert self.status in ("pending_approval", "approved")
                self.editor, self.status, self.scored, self.approvers = actor, "pending_approval", False, []
                self.cents = self.edited_cents
                self.gate = "review_required" if self.case else "score_pending"
            case "approval_recorded" | "payment_approved":
                assert (self.status, self.gate, self.held) == ("pending_approval", "clear", False)
                assert actor not in {*strangers, *self.approvers}
                self.approvers.append(actor)
                self.status = "approved" if entry.action == "payment_approved" else self.status
            case other:
                assert other in ("approval_voided", "fraud_case_assigned")


async def test_whatever_a_crowd_does_to_a_flagged_payment_some_order_allows(gated_worlds: Worlds) -> None:
    """Origin 45 and 46: no interleaving lets a payment past its case, its hold, or a score that is not there yet."""
    chance = seeded("cases")
    one, two = gated_worlds
    for _ in range(rounds(quick=2, soak=200)):
        made = await one.create(a_new_payment(lines=[(1, FLAGGED)]))
        await scored(chance.choice(gated_worlds), made)
        (case,) = one.rows("SELECT case_id FROM fraud_cases WHERE payment_id = %s", made.payment_id)
        commands = crowd(one, made, case["case_id"], chance)
        ended = await asyncio.gather(
            *(chance.choice(gated_worlds).submit(command) for command in commands),
            *(scored(world, made, after_s=chance.uniform(0, 0.03)) for world in (one, two) for _ in range(2)),
            return_exceptions=True,
        )
        await assert_explained(one, made, ended)
    assert (await one.audit()).clean


def crowd(world: World, made: Payment, case_id: Any, chance: Random) -> list[Command]:
    """Two decisions, a hold with its release, an edit, and approvals, in any order."""

    def decision(said: Decision) -> Command:
        return DecideFraudCase(
            command_id=world.new_command_id(),
            caller=chance.choice([DISPATCHER, *PEOPLE]),
            payment_id=made.payment_id,
            case_id=case_id,
            decision=said,
            reason_code=CaseReason.OTHER,
        )

    edited = FLAGGED + chance.choice([1, 2])
    commands: list[Command] = [world.approval(made.payment_id, by=chance.choice(PEOPLE)) for _ in range(APPROVALS)]
    others = [
        decision(Decision.CLEARED),
        decision(chance.choice([Decision.CLEARED, Decision.CONFIRMED])),
        AssignFraudCase(
            command_id=world.new_command_id(),
            caller=ADMIN,
            payment_id=made.payment_id,
            case_id=case_id,
            assignee="person-3",
        ),
        world.hold(made.payment_id, by=ADMIN),
        world.release(made.payment_id, by=ADMIN),
        world.edit(made.payment_id, a_patch(lines=[(1, edited)]), by=chance.choice([DISPATCHER, *PEOPLE])),
    ]
    for command in others:
        commands.insert(chance.randrange(len(commands) // 2), command)
    return commands


async def scored(world: World, made: Payment, after_s: float = 0) -> None:
    """As the scorer's consumer does when it hears of new content."""
    await asyncio.sleep(after_s)
    command = await score_payment.scored(world.deps, ORG, made.payment_id, None)
    if command is not None:
        await world.submit(command)


async def assert_explained(world: World, made: Payment, ended: Sequence[Done | BaseException | None]) -> None:
    """The chain, replayed by the rules, is allowed at every step and ends where the row stands."""
    refused = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, EXPECTED) for one in refused), refused
    payment = await read_payment.get(world.deps, ADMIN, made.payment_id)
    replay = Replay(made_by=made.created_by, edited_cents=payment.amount_cents)
    entries = await read_audit_log.entries(world.deps, ADMIN, made.payment_id)
    for entry in entries[1:]:
        replay.take(entry)
        assert entry.new_status == replay.status
    (row,) = world.rows(
        "SELECT fraud_gate, fraud_case_id IS NOT NULL AS is_open FROM payments WHERE payment_id = %s", made.payment_id
    )
    assert (row["fraud_gate"], row["is_open"]) == (replay.gate, replay.case)
    assert (payment.status, bool(payment.holds)) == (replay.status, replay.held)
    assert [each.approver_id for each in payment.approvals] == replay.approvers
    assert payment.amount_cents == replay.cents
    cases = world.rows("SELECT status FROM fraud_cases WHERE payment_id = %s", made.payment_id)
    assert sum(each["status"] == "open" for each in cases) == replay.case
