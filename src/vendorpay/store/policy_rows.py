"""Between the rows of approval policies and the domain's values of them."""

from __future__ import annotations

from psycopg.rows import DictRow

from vendorpay.domain.payment import Chains
from vendorpay.domain.policies import PolicyState, PolicyStatus, PolicyVersion
from vendorpay.domain.policy import stored

_PLAIN = ("policy_id", "org_id", "version", "proposed_by", "proposed_at", "activated_by", "activated_at")


def policy_of(row: DictRow, active_version: int | None) -> PolicyVersion:
    """The version in a row of `@policy`."""
    status = PolicyStatus.PROPOSED if row["activated_at"] is None else PolicyStatus.REPLACED
    if row["version"] == active_version:
        status = PolicyStatus.ACTIVE
    return PolicyVersion(**{name: row[name] for name in _PLAIN}, status=status, document=stored(row["document"]))


def state_of(row: DictRow, children: DictRow) -> PolicyState:
    """The same with its chains; `children` says which version is active."""
    return PolicyState(
        policy=policy_of(row, children["active_version"]),
        chains=Chains(audit_seq=row["audit_seq"], audit_head=row["audit_head"], event_seq=row["event_seq"]),
    )
