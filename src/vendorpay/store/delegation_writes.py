"""From a delegation to the rows of a batch."""

from __future__ import annotations

from vendorpay.domain.delegations import DelegationState
from vendorpay.store.batch_writer import Rows


def add_given(rows: Rows, state: DelegationState) -> None:
    """The row of a new one."""
    given, chains = state.delegation, state.chains
    rows.add(
        "delegations",
        (
            *(given.delegation_id, given.org_id, given.delegator_id, given.delegator_role, given.delegate_id),
            *(given.starts_at, given.ends_at, given.created_at),
            *(given.digest, chains.audit_seq, chains.audit_head, chains.event_seq),
        ),
    )


def add_ended(rows: Rows, state: DelegationState) -> None:
    """One that was ended early."""
    given, chains = state.delegation, state.chains
    ids = (given.delegation_id, given.org_id, given.ended_at, given.ended_by)
    rows.add("delegation_ends", (*ids, chains.audit_seq, chains.audit_head, chains.event_seq))
