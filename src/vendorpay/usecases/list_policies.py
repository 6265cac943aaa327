"""List the versions of the approval policy, and read one, or the one that applies."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.errors import NotFound
from vendorpay.domain.policies import PolicyStatus, PolicyVersion
from vendorpay.domain.policy import DEFAULT, DEFAULT_VERSION
from vendorpay.domain.roles import Caller
from vendorpay.store import policies
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.deps import Deps

_KIND: Final = "policies"


class PolicyPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Versions, newest first, and the one that applies, which may be the default."""

    policies: tuple[PolicyVersion, ...]
    active: PolicyVersion
    next_cursor: str | None = None


async def page(deps: Deps, caller: Caller, *, limit: int, cursor: str | None = None) -> PolicyPage:
    """One page of the organisation's versions. Raises InvalidRequest for a foreign cursor."""
    before = cursors.before(_KIND, cursor)
    org_id = caller.scope().org_id
    async with deps.database.reading() as connection:
        found = await policies.newest(connection, org_id, before=before, limit=limit + 1)
        active = await policies.active(connection, org_id)
    shown, more = cursors.cut(_KIND, found, limit, _id_of)
    return PolicyPage(policies=shown, active=active or default(org_id), next_cursor=more)


def _id_of(version: PolicyVersion) -> UUID:
    assert version.policy_id is not None, "only the default policy has no id, and it is not stored"
    return version.policy_id


async def one(deps: Deps, caller: Caller, policy_id: UUID) -> PolicyVersion:
    """One version. Raises NotFound."""
    async with deps.database.reading() as connection:
        found = await policies.one(connection, caller.scope().org_id, policy_id)
    if found is None:
        raise NotFound(subject="policy", id=policy_id)
    return found


async def active(deps: Deps, caller: Caller) -> PolicyVersion:
    """The version that applies."""
    org_id = caller.scope().org_id
    async with deps.database.reading() as connection:
        return await policies.active(connection, org_id) or default(org_id)


def default(org_id: str) -> PolicyVersion:
    """What applies where nothing was activated."""
    return PolicyVersion(
        policy_id=None,
        org_id=org_id,
        version=DEFAULT_VERSION,
        status=PolicyStatus.ACTIVE,
        document=DEFAULT,
        proposed_by=None,
        proposed_at=None,
    )
