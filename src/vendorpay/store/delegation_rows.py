"""From the rows of delegations to the domain's values of them."""

from __future__ import annotations

from psycopg.rows import DictRow

from vendorpay.domain.delegations import Delegation, DelegationState
from vendorpay.domain.payment import Chains


def delegation_of(row: DictRow) -> Delegation:
    """The delegation in a row of `@delegation`."""
    return Delegation(**{name: row[name] for name in Delegation.__struct_fields__})


def state_of(row: DictRow, _: DictRow) -> DelegationState:
    """The same with its chains."""
    chains = Chains(audit_seq=row["audit_seq"], audit_head=row["audit_head"], event_seq=row["event_seq"])
    return DelegationState(delegation=delegation_of(row), chains=chains)
