"""The events about delegations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from vendorpay.domain.events import PublishedEvent


class DelegationEvent(PublishedEvent, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event about a delegation has."""

    delegation_id: UUID
    delegator_id: str
    delegate_id: str


class DelegationGiven(DelegationEvent, frozen=True, kw_only=True, rename="camel"):
    """For a period, `delegateId` may approve in the name of `delegatorId`."""

    delegator_role: str
    starts_at: datetime
    ends_at: datetime


class DelegationEnded(DelegationEvent, frozen=True, kw_only=True, rename="camel"):
    """Somebody ended it before its time; one that comes to its end says nothing."""

    ended_by: str
