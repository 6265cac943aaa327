"""Simulate a policy: what the last payments would have needed under it, and what of that is another than now."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain.approval import standing
from vendorpay.domain.approval_rule import ChosenRule, Effect, Source
from vendorpay.domain.payment import PayerType, Payment
from vendorpay.domain.policy import Chooser
from vendorpay.domain.policy_document import Policy
from vendorpay.domain.roles import Caller
from vendorpay.store import policies, read_payments
from vendorpay.usecases.choose_rule import facts_of
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.list_policies import active

LAST_MAX: Final = 1000
AT_ONCE: Final = 50
"""How many are judged before others have their turn."""
DIFFERENCES_MAX: Final = 200
"""How many payments are listed; all of them are counted."""

Last = Annotated[int, Meta(ge=1, le=LAST_MAX)]


class Need(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a payment needs: which rule, what it does, and how many approvals at first."""

    rule: str
    effect: Effect
    required_approvals: int


class Difference(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment that would need something else."""

    payment_id: UUID
    amount_cents: int
    currency: str
    now: Need
    then: Need


class RuleCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many payments a rule would apply to."""

    rule: str
    payments: int


class Simulation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of it. `active_version` is what it was compared with, on the same payments and facts."""

    active_version: int
    payments: int
    rules: tuple[RuleCount, ...]
    changed: int
    differences: tuple[Difference, ...]


async def simulate(deps: Deps, caller: Caller, document: Policy, *, last: int) -> Simulation:
    """The policy against the back office's last payments; nothing is written.

    Whether a vendor was new is asked as of today, and how a payment came is known only of those that have a rule.
    """
    scope = caller.scope()
    where = {"payer_type": PayerType.BACK_OFFICE}
    async with deps.database.reading() as connection:
        found = await read_payments.page(connection, scope, where, before=read_payments.LAST, limit=last)
        sources = await policies.sources(connection, scope.org_id, [payment.payment_id for payment in found])
        vendors = {payment.vendor_id for payment in found}
        known = await policies.approved_vendors(connection, scope.org_id, sorted(vendors))
    present = await active(deps, caller)
    counts: Counter[str] = Counter({rule.name: 0 for rule in document.rules})
    differences = []
    proposed, applying = Chooser(document), Chooser(present.document)
    for number, payment in enumerate(found):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)  # others have their turn: a document may have many rules
        facts = facts_of(payment, sources.get(payment.payment_id, Source.API), payment.vendor_id not in known)
        then = _need(proposed.choose(present.version + 1, facts), payment)
        now = _need(applying.choose(present.version, facts), payment)
        counts[then.rule] += 1
        if (then.effect, then.required_approvals) != (now.effect, now.required_approvals):
            differences.append(_difference(payment, now, then))
    return Simulation(
        active_version=present.version,
        payments=len(found),
        rules=tuple(RuleCount(rule=name, payments=count) for name, count in counts.items()),
        changed=len(differences),
        differences=tuple(differences[:DIFFERENCES_MAX]),
    )


def _need(rule: ChosenRule, payment: Payment) -> Need:
    found = standing(rule, (), payment.fraud_status)
    return Need(rule=found.rule, effect=found.effect, required_approvals=found.open)


def _difference(payment: Payment, now: Need, then: Need) -> Difference:
    return Difference(
        payment_id=payment.payment_id,
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        now=now,
        then=then,
    )
