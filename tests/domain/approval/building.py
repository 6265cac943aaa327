"""Policies, rules and approvals for tests, by few words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from vendorpay.domain.approval_rule import ChosenRule, Effect, Source, Step
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.payment import Approval, PayerType

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
VENDOR = UUID("019c0000-0000-7000-8000-000000000001")


def by(person: str, role: str = "dispatcher", **fields: Any) -> Approval:
    """An approval."""
    return Approval(**{"approver_id": person, "role": role, "at": AT, **fields})


def rule(*any_of: Sequence[Step], **fields: Any) -> ChosenRule:
    """A rule as it stands on a payment."""
    chosen = {"version": 1, "rule": "a rule", "effect": Effect.APPROVALS, "source": Source.API}
    return ChosenRule(**{**chosen, "any_of": tuple(map(tuple, any_of)), **fields})


def facts(**fields: Any) -> RuleFacts:
    """What is known of a payment of 100.00 USD; `fields` win."""
    usual: dict[str, Any] = {
        "amount_cents": 10_000,
        "currency": "USD",
        "payer_type": PayerType.BACK_OFFICE,
        "vendor_id": VENDOR,
        "vendor_is_new": None,
        "service_type": None,
        "source": Source.API,
        "created_by": "creator",
    }
    return RuleFacts(**{**usual, **fields})
