"""From domain values to the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditEntry, AuditText, SubjectType
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.events import PublishedEvent
from vendorpay.domain.fraud.told import Told
from vendorpay.domain.payment import HoldKind, Payment, PaymentState
from vendorpay.store.batch_writer import Rows
from vendorpay.store.claims import EventClaim, KeyClaim
from vendorpay.store.fraud_rows import fraud_columns


def add_new_payment(rows: Rows, state: PaymentState) -> None:
    """A payment's first row and its lines."""
    payment, chains = state.payment, state.chains
    rows.add(
        "payments",
        (
            *(payment.payment_id, payment.org_id, payment.incident_id, payment.vendor_id, payment.reference),
            *(payment.payer_type.value, payment.payer_id, payment.amount_cents, payment.currency),
            *(payment.status.value, payment.version, payment.content_version, payment.digest, len(payment.line_items)),
            *(payment.required_approvals, state.open_holds, state.fraud_gate.value, state.payee_account_version),
            *(chains.audit_seq, chains.audit_head, chains.event_seq, msgspec.json.encode(payment.metadata).decode()),
            *(payment.created_by, payment.created_at, payment.updated_at, _rule_text(state), state.escalate_at),
        ),
    )
    add_lines(rows, payment)


def add_lines(rows: Rows, payment: Payment) -> None:
    """The lines of a payment's present content, which is new."""
    for line in payment.line_items:
        ids = (line.line_item_id, payment.org_id, payment.payment_id, payment.content_version)
        rows.add("lines", (*ids, line.line_no, line.description, line.quantity, line.unit_price_cents))


def add_changed_payment(rows: Rows, state: PaymentState) -> None:
    """A payment's row as it is now: all but what only an edit changes."""
    payment, chains = state.payment, state.chains
    rows.add(
        "changes",
        (
            *(payment.payment_id, payment.org_id, payment.status.value, payment.version, state.approvals_valid),
            *(payment.approved_by, payment.approved_at, state.open_holds, chains.audit_seq, chains.audit_head),
            *(chains.event_seq, payment.updated_at, payment.required_approvals, state.escalated_at),
        ),
    )


def _rule_text(state: PaymentState) -> str | None:
    return None if state.rule is None else msgspec.json.encode(state.rule).decode()


def add_edited_payment(rows: Rows, state: PaymentState) -> None:
    """A payment's row as it is now, its content, reference, metadata and rule included."""
    payment, chains = state.payment, state.chains
    rows.add(
        "edits",
        (
            *(payment.payment_id, payment.org_id, payment.amount_cents, payment.content_version, payment.digest),
            *(len(payment.line_items), payment.reference, msgspec.json.encode(payment.metadata).decode()),
            *(payment.status.value, payment.version, state.approvals_valid, payment.approved_by, payment.approved_at),
            *(payment.edited_by, *fraud_columns(state)),
            *(chains.audit_seq, chains.audit_head, chains.event_seq, payment.updated_at, payment.required_approvals),
            *(_rule_text(state), state.escalate_at, state.escalated_at, state.open_holds),
        ),
    )


def add_approval(rows: Rows, state: PaymentState, approval_id: UUID) -> None:
    """The newest approval of a payment's present content; its notes stand in the audit entry that is the head."""
    payment, approval = state.payment, state.payment.approvals[-1]
    rows.add(
        "approvals",
        (
            *(approval_id, payment.org_id, payment.payment_id, payment.created_by, approval.approver_id, approval.role),
            *(payment.content_version, payment.digest, state.chains.audit_seq, approval.at, approval.on_behalf_of),
        ),
    )


def add_voids(rows: Rows, payment: Payment, approver_ids: Iterable[str]) -> None:
    """Valid approvals of a payment that count no more."""
    for approver_id in approver_ids:
        rows.add("voids", (payment.org_id, payment.payment_id, approver_id, payment.updated_at))


def add_hold(rows: Rows, state: PaymentState, hold_id: UUID) -> None:
    """The newest hold of a payment; its words begin the text of the audit entry that is the head."""
    payment, hold = state.payment, state.payment.holds[-1]
    ids = (hold_id, payment.org_id, payment.payment_id, hold.kind.value)
    rows.add("holds", (*ids, hold.by, hold.at, state.chains.audit_seq, len(hold.reason)))


def add_releases(rows: Rows, state: PaymentState, kinds: Iterable[HoldKind], *, by: str) -> None:
    """All open holds of these kinds, released; the audit entry that is the head says so."""
    payment = state.payment
    for kind in kinds:
        ids = (payment.org_id, payment.payment_id, kind.value)
        rows.add("releases", (*ids, payment.updated_at, by, state.chains.audit_seq))


def add_audit(rows: Rows, entries: Sequence[AuditEntry], texts: Sequence[AuditText]) -> None:
    """Links of an audit chain and their free texts."""
    rows.add("audit", *map(msgspec.structs.astuple, entries))
    rows.add("texts", *((text.org_id, text.subject_id, text.seq, text.salt, text.text) for text in texts))


def add_events(
    rows: Rows, org_id: str, subject_type: SubjectType, subject_id: UUID, events: Sequence[PublishedEvent]
) -> None:
    """Events to be sent, all about one subject."""
    for event in events:
        number = (subject_type.value, subject_id, event.sequence, event.event_id, type(event).__name__)
        rows.add("events", (org_id, *number, msgspec.json.encode(event).decode(), event.occurred_at))


def add_inbox(rows: Rows, claim: EventClaim, *, event_type: str, payment_id: UUID, told: Told, now: datetime) -> None:
    """A consumed event that will not be acted on again."""
    event = (claim.org_id, claim.source, claim.event_id, event_type)
    rows.add("inbox", (*event, payment_id, now, told.driver_id, told.photos_key))


def add_quarantined(
    rows: Rows,
    *,
    quarantine_id: UUID,
    org_id: str,
    raw: bytes,
    reason: str,
    errors: Sequence[FieldFault],
    publisher: str,
    times: int,
    now: datetime,
) -> None:
    """An event that cannot be accepted, byte for byte, and how often it came."""
    found = msgspec.json.encode(errors).decode()
    rows.add("quarantine", (quarantine_id, org_id, raw, reason, found, publisher, times, now))


def add_resolution(
    rows: Rows, *, quarantine_id: UUID, org_id: str, by: str, payment_id: UUID | None, now: datetime
) -> None:
    """A quarantined event that was accepted after all."""
    rows.add("resolutions", (quarantine_id, org_id, now, by, payment_id))


def add_redrive(rows: Rows, org_id: str, delivery_id: UUID) -> None:
    """A dead letter that is to be sent again; nothing happens to one that is not dead any more."""
    rows.add("redrives", (org_id, delivery_id))


def add_command(
    rows: Rows,
    *,
    command_id: UUID,
    claim: KeyClaim,
    fingerprint: bytes | None,
    payment_id: UUID | None,
    answer: bytes,
    now: datetime,
) -> None:
    """A command that was carried out, with its answer; without a fingerprint the claim's key is not stored."""
    key = None if fingerprint is None else claim.key
    scope = (claim.org_id, claim.operation, claim.caller)
    rows.add("commands", (command_id, *scope, key, fingerprint, payment_id, answer, now))
