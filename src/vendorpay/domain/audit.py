"""The audit chain: each entry's hash covers its own canonical bytes and the hash of the entry before it.

    hash(n) = SHA-256( hash(n - 1) || canonical(n) ),   hash(0) = 32 zero bytes

`canonical` is JSON in UTF-8 without spaces, its keys sorted; those bytes are stored and hashed, never a rendering of
them. Free text is not in them: the chain holds SHA-256(salt || text), so that a person's words can be erased and the
chain still verifies (correctness.md 17-18).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.payment import Chains
from vendorpay.domain.roles import ActorType

GENESIS: Final = bytes(32)
"""What stands where the first entry of a chain names the hash before it."""


class SubjectType(StrEnum):
    """What has an audit chain and events of its own."""

    PAYMENT = "payment"
    WEBHOOK_ENDPOINT = "webhook_endpoint"
    POLICY = "policy"
    DELEGATION = "delegation"
    FRAUD_LISTING = "fraud_listing"
    FRAUD_RULE_SET = "fraud_rule_set"


class AuditAction(StrEnum):
    """What was done (contract section 4)."""

    PAYMENT_CREATED = "payment_created"
    PAYMENT_UPDATED = "payment_updated"
    APPROVAL_RECORDED = "approval_recorded"
    PAYMENT_APPROVED = "payment_approved"
    APPROVAL_UNDONE = "approval_undone"
    APPROVAL_VOIDED = "approval_voided"
    PAYMENT_REJECTED = "payment_rejected"
    PAYMENT_CANCELLED = "payment_cancelled"
    PAYMENT_HELD = "payment_held"
    PAYMENT_RELEASED = "payment_released"
    PAYMENT_SCORED = "payment_scored"
    FRAUD_CASE_OPENED = "fraud_case_opened"
    FRAUD_CASE_ASSIGNED = "fraud_case_assigned"
    FRAUD_CASE_NOTED = "fraud_case_noted"
    FRAUD_CASE_CLEARED = "fraud_case_cleared"
    FRAUD_CASE_CONFIRMED = "fraud_case_confirmed"
    FRAUD_CASE_SUPERSEDED = "fraud_case_superseded"
    WEBHOOK_ENDPOINT_CREATED = "webhook_endpoint_created"
    WEBHOOK_ENDPOINT_UPDATED = "webhook_endpoint_updated"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint_disabled"
    WEBHOOK_ENDPOINT_ENABLED = "webhook_endpoint_enabled"
    WEBHOOK_ENDPOINT_DELETED = "webhook_endpoint_deleted"
    WEBHOOK_SECRET_ROTATED = "webhook_secret_rotated"  # noqa: S105  the name of what was done
    WEBHOOK_REPLAY_REQUESTED = "webhook_replay_requested"
    POLICY_PROPOSED = "policy_proposed"
    POLICY_ACTIVATED = "policy_activated"
    DELEGATION_GIVEN = "delegation_given"
    DELEGATION_ENDED = "delegation_ended"
    PAYMENT_ESCALATED = "payment_escalated"
    FRAUD_LISTING_ADDED = "fraud_listing_added"
    FRAUD_LISTING_CONFIRMED = "fraud_listing_confirmed"
    FRAUD_LISTING_ENDED = "fraud_listing_ended"
    FRAUD_RULE_SET_PROPOSED = "fraud_rule_set_proposed"
    FRAUD_RULE_SET_ACTIVATED = "fraud_rule_set_activated"
    FRAUD_RULE_SET_SHADOWED = "fraud_rule_set_shadowed"
    FRAUD_RULE_SET_SHADOW_ENDED = "fraud_rule_set_shadow_ended"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it: a `sub`, or `system:<name>` for a part of the service."""

    id: str
    type: ActorType


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What a use case wants to put on record; `chain` gives it its place."""

    action: AuditAction
    previous_status: str | None
    new_status: str | None
    content_digest: str | None
    reason_code: str | None = None
    notes: str | None = None
    actor: Actor | None = None
    """Who did this, where it is not whoever did the rest of the change."""


class AuditText(msgspec.Struct, frozen=True, kw_only=True):
    """Free text with the salt that keeps its digest from being guessed."""

    subject_id: UUID
    seq: int
    org_id: str
    salt: bytes
    text: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One link: what happened, the bytes that say so, and the hashes that hold it in its place."""

    log_id: UUID
    org_id: str
    subject_type: str
    subject_id: UUID
    payment_id: UUID | None
    seq: int
    action: str
    actor_id: str
    actor_type: str
    previous_status: str | None
    new_status: str | None
    reason_code: str | None
    content_digest: str | None
    notes_digest: bytes | None
    timestamp: datetime
    canonical: bytes
    prev_hash: bytes
    hash: bytes


def canonical_bytes(
    *,
    log_id: UUID,
    org_id: str,
    subject_type: str,
    subject_id: UUID,
    payment_id: UUID | None,
    seq: int,
    action: str,
    actor_id: str,
    actor_type: str,
    previous_status: str | None,
    new_status: str | None,
    reason_code: str | None,
    content_digest: str | None,
    notes_digest: bytes | None,
    timestamp: datetime,
) -> bytes:
    """The bytes that are hashed for an entry: every column of it but the three that follow from them."""
    fields = {
        "logId": str(log_id),
        "orgId": org_id,
        "subjectType": subject_type,
        "subjectId": str(subject_id),
        "paymentId": None if payment_id is None else str(payment_id),
        "seq": seq,
        "action": action,
        "actorId": actor_id,
        "actorType": actor_type,
        "previousStatus": previous_status,
        "newStatus": new_status,
        "reasonCode": reason_code,
        "contentDigest": content_digest,
        "notesDigest": None if notes_digest is None else notes_digest.hex(),
        "timestamp": moment(timestamp),
    }
    return msgspec.json.encode(fields, order="sorted")


def moment(at: datetime) -> str:
    """A time as it is signed: UTC, with six digits of a second."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def link(prev_hash: bytes, canonical: bytes) -> bytes:
    """The hash of the entry whose canonical bytes these are, after the entry with `prev_hash`."""
    return hashlib.sha256(prev_hash + canonical).digest()


def notes_digest(salt: bytes, text: str) -> bytes:
    """What the chain keeps of free text: SHA-256(salt || UTF-8 of the text)."""
    return hashlib.sha256(salt + text.encode()).digest()


def chain_on(
    chains: Chains,
    entries: Sequence[NewEntry],
    *,
    org_id: str,
    subject_type: SubjectType,
    subject_id: UUID,
    actor: Actor,
    now: datetime,
    new_id: Callable[[], UUID],
    new_salt: Callable[[], bytes],
) -> tuple[Chains, list[AuditEntry], list[AuditText]]:
    """The subject's chain with `entries` put on its end: its new head, the links, and their texts."""
    payment_id = subject_id if subject_type is SubjectType.PAYMENT else None
    links: list[AuditEntry] = []
    texts: list[AuditText] = []
    seq, head = chains.audit_seq, chains.audit_head
    for entry in entries:
        seq += 1
        digest = None
        if entry.notes:
            text = AuditText(subject_id=subject_id, seq=seq, org_id=org_id, salt=new_salt(), text=entry.notes)
            digest = notes_digest(text.salt, text.text)
            texts.append(text)
        by = entry.actor or actor
        facts = {
            "log_id": new_id(),
            "org_id": org_id,
            "subject_type": subject_type.value,
            "subject_id": subject_id,
            "payment_id": payment_id,
            "seq": seq,
            "action": entry.action.value,
            "actor_id": by.id,
            "actor_type": by.type.value,
            "previous_status": entry.previous_status,
            "new_status": entry.new_status,
            "reason_code": entry.reason_code,
            "content_digest": entry.content_digest,
            "notes_digest": digest,
            "timestamp": now,
        }
        canonical = canonical_bytes(**facts)  # type: ignore[arg-type]
        prev, head = head, link(head, canonical)
        links.append(AuditEntry(**facts, canonical=canonical, prev_hash=prev, hash=head))  # type: ignore[arg-type]
    return msgspec.structs.replace(chains, audit_seq=seq, audit_head=head), links, texts
