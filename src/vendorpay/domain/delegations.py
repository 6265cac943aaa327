"""Delegations: for a period, one person approves in another's name, with the role that the other has."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from vendorpay.domain.audit import moment
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.payment import Chains
from vendorpay.domain.text import Line

DAYS_MAX: Final = 90
"""How long a delegation lasts at most; who is away longer says so again."""

_Moment = Annotated[datetime, Meta(tz=True)]


class NewDelegation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Who acts for the caller, and from when until when; from now on where nothing else is said."""

    delegate_id: Line
    ends_at: _Moment
    starts_at: _Moment | None = None


class Delegation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One, which is open until `ends_at`, or until somebody ended it before."""

    delegation_id: UUID
    org_id: str
    delegator_id: str
    delegator_role: str
    delegate_id: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def covers(self, at: datetime) -> bool:
        """Whether it is open at that moment."""
        return self.starts_at <= at < self.ends_at and (self.ended_at is None or at < self.ended_at)

    @property
    def digest(self) -> str:
        """What its audit entries vouch for: who acts for whom, as what, from when until when."""
        content = {
            "delegateId": self.delegate_id,
            "delegatorId": self.delegator_id,
            "delegatorRole": self.delegator_role,
            "endsAt": moment(self.ends_at),
            "startsAt": moment(self.starts_at),
        }
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


class DelegationState(msgspec.Struct, frozen=True, kw_only=True):
    """A delegation with its chains."""

    delegation: Delegation
    chains: Chains = Chains()


def faults_of(new: NewDelegation, delegator_id: str, now: datetime) -> list[FieldFault]:
    """What is wrong with it, in its fields together."""
    starts_at = new.starts_at or now
    faults = []
    if new.delegate_id == delegator_id:
        faults.append(FieldFault("delegateId", "is you"))
    if new.ends_at <= starts_at or new.ends_at <= now:
        faults.append(FieldFault("endsAt", "must lie after startsAt, and in the future"))
    elif new.ends_at - starts_at > timedelta(days=DAYS_MAX):
        faults.append(FieldFault("endsAt", f"is more than {DAYS_MAX} days after startsAt"))
    if starts_at > now + timedelta(days=366):
        faults.append(FieldFault("startsAt", "is more than a year away"))
    return faults
