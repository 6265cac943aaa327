"""From a change of a policy, a delegation or what people tell the scorer to its rows: its own, its entry, its event."""

from __future__ import annotations

from vendorpay.domain.audit import chain_on
from vendorpay.domain.events import number
from vendorpay.store import record_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.usecases.command import Command, Facts, Salt
from vendorpay.usecases.subject_change import SubjectChange


def add_subject_change(rows: Rows, command: Command, change: SubjectChange, facts: Facts, new_salt: Salt) -> None:
    """Adds everything that the change means to the rows of the batch."""
    chains, links, texts = chain_on(
        change.chains,
        [change.entry],
        org_id=change.org_id,
        subject_type=change.subject_type,
        subject_id=change.subject_id,
        actor=command.actor,
        now=facts.now,
        new_id=facts.new_id,
        new_salt=new_salt,
    )
    chains, events = number(chains, [change.event], change.about, now=facts.now, new_id=facts.new_id)
    change.write(rows, chains)
    record_rows.add_audit(rows, links, texts)
    record_rows.add_events(rows, change.org_id, change.subject_type, change.subject_id, events)
