"""From a decision about a webhook endpoint to its rows: endpoint, subscription, secrets, audit entries, events."""

from __future__ import annotations

import msgspec

from vendorpay.domain.audit import SubjectType, chain_on
from vendorpay.domain.events import number
from vendorpay.store import endpoint_writes, record_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.usecases.command import Command, Facts, Salt
from vendorpay.usecases.endpoint_change import EndpointChange


def add_endpoint_change(rows: Rows, command: Command, change: EndpointChange, facts: Facts, new_salt: Salt) -> None:
    """Adds everything that a change of an endpoint means to the rows of the batch."""
    endpoint = change.state.endpoint
    assert change.entries, "every change leaves an audit entry"
    assert change.events, "every change of an endpoint leaves an event"
    chains, links, texts = chain_on(
        change.state.chains,
        change.entries,
        org_id=endpoint.org_id,
        subject_type=SubjectType.WEBHOOK_ENDPOINT,
        subject_id=endpoint.endpoint_id,
        actor=command.actor,
        now=facts.now,
        new_id=facts.new_id,
        new_salt=new_salt,
    )
    about = {"endpoint_id": endpoint.endpoint_id}
    chains, events = number(chains, change.events, about, now=facts.now, new_id=facts.new_id)
    state = msgspec.structs.replace(change.state, chains=chains)
    if change.born:
        endpoint_writes.add_new_endpoint(rows, state)
    else:
        endpoint_writes.add_changed_endpoint(rows, state)
    if change.recovered:
        endpoint_writes.add_recovery(rows, endpoint)
    endpoint_writes.add_ended_secrets(rows, endpoint, change.ended)
    if change.secret_id is not None:
        # Two salts: 32 bytes of the same chance.
        endpoint_writes.add_secret(rows, endpoint, change.secret_id, new_salt() + new_salt(), facts.now)
    record_rows.add_audit(rows, links, texts)
    record_rows.add_events(rows, endpoint.org_id, SubjectType.WEBHOOK_ENDPOINT, endpoint.endpoint_id, events)
