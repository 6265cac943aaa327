"""The events about approval policies: that there is another, not what it says, which is read where it is kept."""

from __future__ import annotations

from uuid import UUID

from vendorpay.domain.events import PublishedEvent


class PolicyEvent(PublishedEvent, frozen=True, kw_only=True, rename="camel"):
    """What the detail of every event about an approval policy has."""

    policy_id: UUID
    policy_version: int


class PolicyProposed(PolicyEvent, frozen=True, kw_only=True, rename="camel"):
    """Somebody wants other rules; nothing is another until a second person agrees."""

    proposed_by: str


class PolicyActivated(PolicyEvent, frozen=True, kw_only=True, rename="camel"):
    """From now on payments that are created, or get new content, have their rule from this version."""

    activated_by: str
    replaced_version: int
