"""Between the rows of approval policies and the domain's values of them."""

from __future__ import annotations

from psycopg.rows import DictRow

from vendorpay.domain.payment import Chains
from vendorpay.domain.policies import PolicyState, PolicyStatus, PolicyVersion
from vendorpay.domain.policy import DEFAULT_VERSION, stored

_PLAIN = ("policy_id", "org_id", "version", "proposed_by", "proposed_at", "activated_by", "activated_at")


def policy_of(row: DictRow, active_version: int | None) -> PolicyVersion:
    """The version in a row of `@policy`."""
    status = _status(row["version"], active_version or DEFAULT_VERSION, activated=row["activated_at"] is not None)
    return PolicyVersion(**{name: row[name] for name in _PLAIN}, status=status, document=stored(row["document"]))


def _status(version: int, active_version: int, *, activated: bool) -> PolicyStatus:
    if version == active_version:
        return PolicyStatus.ACTIVE
    if activated:
        return PolicyStatus.REPLACED
    return PolicyStatus.PROPOSED if version > active_version else PolicyStatus.LAPSED


def state_of(row: DictRow, children: DictRow) -> PolicyState:
    """The same with its chains; `children` says which version is active."""
    return PolicyState(
        policy=policy_of(row, children["active_version"]),
        chains=Chains(audit_seq=row["audit_seq"], audit_head=row["audit_head"], event_seq=row["event_seq"]),
    )
