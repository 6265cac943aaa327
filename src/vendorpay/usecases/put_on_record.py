"""From a decision to its rows: every command leaves a command row; every change an audit entry and an event."""

from __future__ import annotations

import msgspec

from vendorpay.domain.audit import SubjectType, chain_on
from vendorpay.domain.events import about_payment, number
from vendorpay.domain.payment import PaymentState
from vendorpay.store import record_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.store.endpoint_writes import add_redelivery
from vendorpay.usecases.command import Command, Facts, Outcome, PaymentChange, Salt
from vendorpay.usecases.endpoint_change import EndpointChange
from vendorpay.usecases.fraud_change import add_fraud_change
from vendorpay.usecases.record_endpoint import add_endpoint_change
from vendorpay.usecases.record_subject import add_subject_change
from vendorpay.usecases.subject_change import SubjectChange


def put_on_record(rows: Rows, command: Command, outcome: Outcome, facts: Facts, new_salt: Salt) -> None:
    """Adds everything that an outcome means to the rows of the batch."""
    _add_any_change(rows, command, outcome, facts, new_salt)
    if (event := outcome.settled_event) is not None and outcome.payment_id is not None:
        record_rows.add_inbox(
            rows,
            event.claim,
            event_type=event.event_type,
            payment_id=outcome.payment_id,
            told=event.told,
            now=facts.now,
        )
    if (bad := outcome.quarantining) is not None:
        record_rows.add_quarantined(
            rows,
            quarantine_id=facts.new_id(),
            org_id=command.caller.org_id,
            raw=bad.raw,
            reason=bad.reason,
            errors=bad.errors,
            publisher=command.caller.sub,
            times=bad.times,
            now=facts.now,
        )
    if outcome.resolved is not None:
        record_rows.add_resolution(
            rows,
            quarantine_id=outcome.resolved,
            org_id=command.caller.org_id,
            by=command.caller.sub,
            payment_id=outcome.payment_id,
            now=facts.now,
        )
    if outcome.redriven is not None:
        record_rows.add_redrive(rows, command.caller.org_id, outcome.redriven)
    if outcome.redelivered is not None:
        add_redelivery(rows, command.caller.org_id, outcome.redelivered)
    for change in outcome.also:
        add_subject_change(rows, command, change, facts, new_salt)
    record_rows.add_command(
        rows,
        command_id=command.command_id,
        claim=command.key_claim,
        fingerprint=command.key.fingerprint if command.key else None,
        payment_id=outcome.payment_id,
        answer=outcome.answer,
        now=facts.now,
    )


def _add_any_change(rows: Rows, command: Command, outcome: Outcome, facts: Facts, new_salt: Salt) -> None:
    if isinstance(outcome.change, PaymentChange):
        _add_change(rows, command, outcome.change, facts, new_salt)
    if isinstance(outcome.change, EndpointChange):
        add_endpoint_change(rows, command, outcome.change, facts, new_salt)
    if isinstance(outcome.change, SubjectChange):
        add_subject_change(rows, command, outcome.change, facts, new_salt)


def _add_children(rows: Rows, state: PaymentState, change: PaymentChange, *, by: str) -> None:
    if change.new_content:
        record_rows.add_lines(rows, state.payment)
    if change.approval_id is not None:
        record_rows.add_approval(rows, state, change.approval_id)
    record_rows.add_voids(rows, state.payment, change.voided)
    if change.hold_id is not None:
        record_rows.add_hold(rows, state, change.hold_id)
    record_rows.add_releases(rows, state, change.released, by=by)


def _add_change(rows: Rows, command: Command, change: PaymentChange, facts: Facts, new_salt: Salt) -> None:
    payment = change.state.payment
    assert change.entries, "every change leaves an audit entry"
    chains, links, texts = chain_on(
        change.state.chains,
        change.entries,
        org_id=payment.org_id,
        subject_type=SubjectType.PAYMENT,
        subject_id=payment.payment_id,
        actor=command.actor,
        now=facts.now,
        new_id=facts.new_id,
        new_salt=new_salt,
    )
    chains, events = number(chains, change.events, about_payment(payment), now=facts.now, new_id=facts.new_id)
    state = msgspec.structs.replace(change.state, chains=chains)
    if change.born:
        record_rows.add_new_payment(rows, state)
    elif change.edited:
        record_rows.add_edited_payment(rows, state)
    elif change.fraud is not None:
        add_fraud_change(rows, state, change.fraud)
    else:
        record_rows.add_changed_payment(rows, state)
    _add_children(rows, state, change, by=command.caller.sub)
    record_rows.add_audit(rows, links, texts)
    record_rows.add_events(rows, payment.org_id, SubjectType.PAYMENT, payment.payment_id, events)
