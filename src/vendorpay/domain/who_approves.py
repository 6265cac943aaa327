"""Who may approve a payment as it stands, and whether their yes would bring it any further.

`check` refuses an approval, and the list of what waits for somebody asks it: so nothing stands there that they are
refused, and nothing is missing that they could do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from vendorpay.domain.approval import rank, seated
from vendorpay.domain.approval_rule import Effect
from vendorpay.domain.delegations import Delegation
from vendorpay.domain.errors import (
    AlreadyApproved,
    FourEyes,
    FraudReviewRequired,
    InvalidTransition,
    PaymentHeld,
    PolicyDenied,
    ScorePending,
    VendorPayError,
)
from vendorpay.domain.lifecycle import Action, allow
from vendorpay.domain.payment import Approval, FraudGate, HoldKind, PayerType, PaymentState


def check(state: PaymentState, sub: str, on_behalf_of: str | None) -> None:
    """Raises the first refusal that applies to an approval by `sub`, in the order of contract 3.8."""
    payment = state.payment
    allow(Action.APPROVE, payment.status)
    if payment.payer_type is PayerType.DRIVER_IC:
        raise InvalidTransition(status=payment.status, action="approve (its driver authorizes it)")
    whose = {sub, on_behalf_of} - {None}
    if whose & {payment.created_by, payment.edited_by, state.payee_changed_by}:
        raise FourEyes
    held_for_fraud = any(hold.kind is HoldKind.FRAUD for hold in payment.holds)
    if state.fraud_gate is FraudGate.REVIEW_REQUIRED or held_for_fraud:
        raise FraudReviewRequired
    if state.open_holds:
        raise PaymentHeld(open_holds=state.open_holds)
    if state.fraud_gate is FraudGate.SCORE_PENDING:
        raise ScorePending
    given = {one.approver_id for one in payment.approvals} | {one.on_behalf_of for one in payment.approvals}
    if whose & given:
        raise AlreadyApproved
    if payment.policy is not None and payment.policy.effect is Effect.DENY:
        raise PolicyDenied(rule=payment.policy.rule)


def delegated_role(given: Iterable[Delegation], now: datetime) -> str | None:
    """As what those delegations let somebody act now: the highest role of those that are open; None without one."""
    return max((one.delegator_role for one in given if one.covers(now)), key=rank, default=None)


def names_to_act_in(sub: str, role: str, delegations: Iterable[Delegation], now: datetime) -> dict[str | None, str]:
    """In whose names somebody may approve now, each with its role; None is their own name."""
    names: dict[str | None, str] = {None: role}
    for one in delegations:
        if one.delegate_id == sub and one.covers(now):
            names[one.delegator_id] = max(names.get(one.delegator_id, ""), one.delegator_role, key=rank)
    return names


def waits_for(state: PaymentState, sub: str, names: Mapping[str | None, str], now: datetime) -> bool:
    """Whether an approval by `sub`, in one of the names that they may act in, is allowed and fills an open seat."""
    return any(
        _is_allowed(state, sub, name)
        and _fills_a_seat(state, Approval(approver_id=sub, role=role, notes=None, on_behalf_of=name, at=now))
        for name, role in names.items()
    )


def _is_allowed(state: PaymentState, sub: str, on_behalf_of: str | None) -> bool:
    try:
        check(state, sub, on_behalf_of)
    except VendorPayError:
        return False
    return True


def _fills_a_seat(state: PaymentState, approval: Approval) -> bool:
    """Whether one of the rule's alternatives lacks fewer people with it than without; a plain number always does."""
    if state.rule is None:
        return True
    payment = state.payment
    demand = state.rule.demand(payment.fraud_status)
    with_it = (*payment.approvals, approval)
    return any(
        sum(seated(steps, with_it, demand, state.escalated_at))
        > sum(seated(steps, payment.approvals, demand, state.escalated_at))
        for steps in demand.any_of
    )
