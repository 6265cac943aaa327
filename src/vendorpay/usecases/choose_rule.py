"""Which rule applies to a payment: chosen when it is created, and anew when its content becomes another."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from vendorpay.domain.approval import ruled
from vendorpay.domain.approval_rule import AUTO_APPROVER, ChosenRule, Effect, Source
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.audit import Actor, AuditAction, NewEntry
from vendorpay.domain.events import EventDraft, PaymentHeld
from vendorpay.domain.payment import Hold, HoldKind, PayerType, Payment, PaymentState
from vendorpay.domain.roles import ActorType
from vendorpay.usecases.command import Facts, PaymentChange

SYSTEM: Final = Actor(id=AUTO_APPROVER, type=ActorType.SYSTEM)


def under_policy(
    change: PaymentChange, facts: Facts, source: Source, vendor_is_new: bool | None = None
) -> PaymentChange:
    """The change of a payment with new content, under the rule of the policy that applies; where none does (a plain
    number of approvals is asked for) it is left as it is. A rule that holds places its hold in the same change.
    """
    if facts.policy is None:
        return change
    is_new = facts.vendor_is_new if facts.vendor_is_new is not None else vendor_is_new
    rule = facts.policy.choose(facts_of(change.state.payment, source, is_new))
    state = _under(change.state, rule, facts.now)
    change = msgspec.structs.replace(change, state=state)
    return _held(change, rule, facts) if _holds(rule) and not _is_held(state) else change


def without_rule(change: PaymentChange, required_approvals: int) -> PaymentChange:
    """The change of a payment whose old content had a rule: nothing of it is left, and the plain number stands."""
    state = change.state
    if state.rule is None:
        return change
    payment = msgspec.structs.replace(state.payment, policy=None, required_approvals=required_approvals)
    bare = msgspec.structs.replace(state, rule=None, escalate_at=None, escalated_at=None, payment=payment)
    return msgspec.structs.replace(change, state=bare)


def remembered(state: PaymentState) -> tuple[Source, bool | None]:
    """How a payment came, and whether its vendor was new then, as its rule remembers."""
    return (Source.API, None) if state.rule is None else (state.rule.source, state.rule.vendor_is_new)


def facts_of(payment: Payment, source: Source, vendor_is_new: bool | None) -> RuleFacts:
    """What a rule may ask of a payment, but for its score."""
    service_type = payment.metadata.get("serviceType")
    return RuleFacts(
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        payer_type=payment.payer_type,
        vendor_id=payment.vendor_id,
        vendor_is_new=vendor_is_new,
        service_type=service_type if isinstance(service_type, str) else None,
        source=source,
        created_by=payment.created_by,
    )


def _under(state: PaymentState, rule: ChosenRule, now: datetime) -> PaymentState:
    """A driver's payment keeps no rule: no approval is asked for."""
    if state.payment.payer_type is PayerType.DRIVER_IC:
        return state
    hours = rule.escalates_after_h
    escalate_at = None if hours is None else now + timedelta(hours=hours)
    return ruled(msgspec.structs.replace(state, rule=rule, escalate_at=escalate_at, escalated_at=None))


def _holds(rule: ChosenRule) -> bool:
    return any(one.effect is Effect.HOLD for one in (rule, *rule.by_fraud_status.values()))


def _is_held(state: PaymentState) -> bool:
    return any(hold.by == SYSTEM.id for hold in state.payment.holds)


def _held(change: PaymentChange, rule: ChosenRule, facts: Facts) -> PaymentChange:
    """With a hold of the service's own: the last entry of the change is the hold's."""
    state, payment = change.state, change.state.payment
    words = f'The rule "{rule.rule}" of the approval policy, version {rule.version}, holds such payments.'
    hold = Hold(kind=HoldKind.MANUAL, reason=words, by=SYSTEM.id, at=facts.now)
    entry = NewEntry(
        action=AuditAction.PAYMENT_HELD,
        previous_status=payment.status,
        new_status=payment.status,
        content_digest=payment.digest,
        notes=words,
        actor=SYSTEM,
    )
    own = {"kind": HoldKind.MANUAL, "held_by": SYSTEM.id, "reason_code": None}
    return msgspec.structs.replace(
        change,
        state=msgspec.structs.replace(
            state,
            open_holds=state.open_holds + 1,
            payment=msgspec.structs.replace(payment, holds=(*payment.holds, hold)),
        ),
        entries=(*change.entries, entry),
        events=(*change.events, EventDraft(kind=PaymentHeld, own=own)),
        hold_id=facts.new_id(),
    )
