"""Whether the right people have said yes: the steps of a payment's rule against its valid approvals.

Each person fills one seat. A list of steps lacks as many approvals as seats stay empty when people are seated as well
as they can be. The function `approval_seats_open` of the schema says the same by another way (Hall's theorem).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from vendorpay.domain.approval_rule import (
    AlternativeStanding,
    ChosenRule,
    Demand,
    PolicyStanding,
    Step,
    StepStanding,
)
from vendorpay.domain.payment import Approval, PaymentState

_RANKS: Final = {"dispatcher": 1, "admin": 2}
_NOBODY: Final = 0
RULES_KEPT_MAX: Final = 1024


def rank(role: str) -> int:
    """How much a role may do: an admin more than a dispatcher, others nothing."""
    return _RANKS.get(role, _NOBODY)


def outranks(role: str, wanted: str) -> bool:
    """Whether a role may do what `wanted` may: an admin stands in for a dispatcher."""
    return rank(role) >= _RANKS[wanted]


def fits(step: Step, approval: Approval, demand: Demand, escalated_at: datetime | None) -> bool:
    """Whether an approval may count for a step: by name, by role, or by standing in after the escalation."""
    if (approval.on_behalf_of or approval.approver_id) in step.people:
        return True
    if step.role is not None and outranks(approval.role, step.role):
        return True
    if demand.escalation is None or escalated_at is None or approval.at < escalated_at:
        return False
    return outranks(approval.role, demand.escalation.role)


def seated(
    steps: Sequence[Step], approvals: Sequence[Approval], demand: Demand, escalated_at: datetime | None
) -> list[int]:
    """How many people each step has got when as many as possible are seated, earlier steps first."""
    wanted = [[fits(step, approval, demand, escalated_at) for approval in approvals] for step in steps]
    seats = [number for number, step in enumerate(steps) for _ in range(step.quorum)]
    taken: dict[int, int] = {}  # approval -> seat

    def seat(number: int, tried: set[int]) -> bool:
        for person in range(len(approvals)):
            if wanted[seats[number]][person] and person not in tried:
                tried.add(person)
                if person not in taken or seat(taken[person], tried):
                    taken[person] = number
                    return True
        return False

    for number in range(len(seats)):
        seat(number, set())
    filled = [seats[number] for number in taken.values()]
    return [filled.count(number) for number in range(len(steps))]


def _standing(
    steps: Sequence[Step], approvals: Sequence[Approval], demand: Demand, escalated_at: datetime | None
) -> AlternativeStanding:
    given = seated(steps, approvals, demand, escalated_at)
    shown = tuple(
        StepStanding(role=step.role, people=step.people, quorum=step.quorum, given=count)
        for step, count in zip(steps, given, strict=True)
    )
    return AlternativeStanding(steps=shown, open=sum(step.quorum for step in steps) - sum(given))


def standing(
    rule: ChosenRule, approvals: Sequence[Approval], fraud_status: str | None, escalated_at: datetime | None = None
) -> PolicyStanding:
    """How far a payment's approvals have come. `open` is 0 exactly when one alternative is satisfied."""
    demand = rule.demand(fraud_status)
    found = [_standing(steps, approvals, demand, escalated_at) for steps in demand.any_of]
    # Nobody can fill a list that is not there: what is denied lacks one approval for ever.
    main = next((one for one in found if one.open == 0), found[0] if found else AlternativeStanding(steps=(), open=1))
    return PolicyStanding(
        version=rule.version,
        rule=demand.rule,
        effect=demand.effect,
        steps=main.steps,
        open=main.open,
        others=tuple(one for one in found if one is not main),
    )


@lru_cache(maxsize=RULES_KEPT_MAX)
def _of_none(rule: bytes, fraud_status: str | None) -> PolicyStanding:
    """The standing before the first approval, kept: every payment begins with it, and few rules are different."""
    return standing(msgspec.json.decode(rule, type=ChosenRule), (), fraud_status)


def ruled(state: PaymentState) -> PaymentState:
    """The state with what follows from its rule: the standing that is shown, and how many approvals it takes.

    A payment without a rule of a policy keeps its number.
    """
    if state.rule is None:
        return state
    payment = state.payment
    if payment.approvals:
        found = standing(state.rule, payment.approvals, payment.fraud_status, state.escalated_at)
    else:
        found = _of_none(msgspec.json.encode(state.rule), payment.fraud_status)
    required = len(payment.approvals) + found.open
    return msgspec.structs.replace(
        state, payment=msgspec.structs.replace(payment, policy=found, required_approvals=required)
    )


def is_satisfied(state: PaymentState) -> bool:
    """Whether the payment has all approvals that it needs."""
    if state.rule is None:
        return state.approvals_valid >= state.payment.required_approvals
    found = standing(state.rule, state.payment.approvals, state.payment.fraud_status, state.escalated_at)
    return found.open == 0
