"""From a decision about an approval policy to its rows: version, audit entry, event."""

from __future__ import annotations

import msgspec

from vendorpay.domain.audit import SubjectType, chain_on
from vendorpay.domain.events import number
from vendorpay.store import policy_writes, record_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.usecases.command import Command, Facts, Salt
from vendorpay.usecases.policy_change import PolicyChange


def add_policy_change(rows: Rows, command: Command, change: PolicyChange, facts: Facts, new_salt: Salt) -> None:
    """Adds everything that a change of a policy means to the rows of the batch."""
    policy = change.state.policy
    assert policy.policy_id is not None, "the default policy never changes"
    chains, links, texts = chain_on(
        change.state.chains,
        [change.entry],
        org_id=policy.org_id,
        subject_type=SubjectType.POLICY,
        subject_id=policy.policy_id,
        actor=command.actor,
        now=facts.now,
        new_id=facts.new_id,
        new_salt=new_salt,
    )
    about = {"policy_id": policy.policy_id, "policy_version": policy.version}
    chains, events = number(chains, [change.event], about, now=facts.now, new_id=facts.new_id)
    state = msgspec.structs.replace(change.state, chains=chains)
    if change.born:
        policy_writes.add_proposed(rows, state)
    else:
        policy_writes.add_activated(rows, state)
    record_rows.add_audit(rows, links, texts)
    record_rows.add_events(rows, policy.org_id, SubjectType.POLICY, policy.policy_id, events)
