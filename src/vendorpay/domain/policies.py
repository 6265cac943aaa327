"""The versions of an organisation's approval policy: proposed by one person, activated by another."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from vendorpay.domain.payment import Chains
from vendorpay.domain.policy_document import Policy


class PolicyStatus(StrEnum):
    """Where a version stands; at most one of an organisation is active. `lapsed`: a newer one was activated first."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REPLACED = "replaced"
    LAPSED = "lapsed"


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One version. Version 0 is the policy that applies where none was ever activated; nobody proposed that."""

    policy_id: UUID | None
    org_id: str
    version: int
    status: PolicyStatus
    document: Policy
    proposed_by: str | None
    proposed_at: datetime | None
    activated_by: str | None = None
    activated_at: datetime | None = None

    @property
    def digest(self) -> str:
        """What its audit entries vouch for: the document."""
        return digest_of(self.document)


def digest_of(policy: Policy) -> str:
    """SHA-256, as hexadecimal digits, of the document as JSON without spaces, its keys sorted."""
    return hashlib.sha256(msgspec.json.encode(msgspec.to_builtins(policy), order="sorted")).hexdigest()


class PolicyState(msgspec.Struct, frozen=True, kw_only=True):
    """A version with what its rules need and nobody outside sees."""

    policy: PolicyVersion
    chains: Chains = Chains()
