"""From an approval policy to the rows of a batch."""

from __future__ import annotations

import msgspec

from vendorpay.domain.policies import PolicyState
from vendorpay.store.batch_writer import Rows


def add_proposed(rows: Rows, state: PolicyState) -> None:
    """The row of a new version."""
    policy, chains = state.policy, state.chains
    document = msgspec.json.encode(policy.document).decode()
    rows.add(
        "policies",
        (
            *(policy.policy_id, policy.org_id, policy.version, document, policy.digest, policy.proposed_by),
            *(policy.proposed_at, chains.audit_seq, chains.audit_head, chains.event_seq),
        ),
    )


def add_activated(rows: Rows, state: PolicyState) -> None:
    """A version that applies from now on."""
    policy, chains = state.policy, state.chains
    rows.add(
        "policy_activations",
        (
            *(policy.policy_id, policy.org_id, policy.activated_by, policy.activated_at),
            *(chains.audit_seq, chains.audit_head, chains.event_seq),
        ),
    )
    rows.add("active_policies", (policy.org_id, policy.version))
