"""Writes what a batch decided: one statement for all tables, sent together with its COMMIT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from vendorpay.domain.audit import AuditEntry
from vendorpay.store import queries
from vendorpay.store.arrays import literal
from vendorpay.store.db import Connection, execute

Row = Sequence[Any]


MIXTURES_MAX: Final = 256
"""How many statements for different mixtures of blocks are kept; batches of one kind of command are alike."""

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "payments": (
        *("payment_id", "org_id", "incident_id", "vendor_id", "reference", "payer_type", "payer_id", "amount_cents"),
        *("currency", "status", "version", "content_version", "digest", "line_count", "required_approvals"),
        *("open_holds", "fraud_gate", "payee_account_version", "audit_seq", "audit_head", "event_seq", "metadata"),
        *("created_by", "created_at", "updated_at", "approval_rule", "escalate_at"),
    ),
    "changes": (
        *("payment_id", "org_id", "status", "version", "approvals_valid", "approved_by", "approved_at", "open_holds"),
        *("audit_seq", "audit_head", "event_seq", "updated_at", "required_approvals", "escalated_at"),
    ),
    "edits": (
        *("payment_id", "org_id", "amount_cents", "content_version", "digest", "line_count", "reference", "metadata"),
        *("status", "version", "approvals_valid", "approved_by", "approved_at", "edited_by", "fraud_gate"),
        *("fraud_score", "fraud_status", "fraud_reasons", "audit_seq", "audit_head", "event_seq", "updated_at"),
        *("required_approvals", "approval_rule", "escalate_at", "escalated_at", "open_holds"),
    ),
    "judgements": (
        *("payment_id", "org_id", "status", "version", "fraud_gate", "fraud_score", "fraud_status", "fraud_reasons"),
        *("fraud_case_id", "audit_seq", "audit_head", "event_seq", "updated_at"),
    ),
    "fraud_scores": (
        *("score_id", "org_id", "payment_id", "content_version", "shadow", "provider", "rule_set_version", "score"),
        *("status", "error", "findings", "facts", "duration_us", "scored_at", "audit_seq"),
    ),
    "fraud_cases": (
        *("case_id", "org_id", "payment_id", "created_by", "content_version", "cause", "opened_at", "audit_seq"),
    ),
    "fraud_listings": (
        *("listing_id", "org_id", "vendor_id", "kind", "signal", "reason_code", "case_id", "listed_by", "listed_at"),
        *("expires_at", "digest", "audit_seq", "audit_head", "event_seq"),
    ),
    "fraud_listing_changes": (
        *("listing_id", "org_id", "confirmed_by", "confirmed_at", "ended_by", "ended_at", "digest"),
        *("audit_seq", "audit_head", "event_seq"),
    ),
    "fraud_rule_sets": (
        *("rule_set_id", "org_id", "version", "document", "proposed_by", "proposed_at", "digest"),
        *("audit_seq", "audit_head", "event_seq"),
    ),
    "fraud_rule_set_changes": (*("rule_set_id", "org_id", "stage", "digest", "audit_seq", "audit_head", "event_seq"),),
    "fraud_rule_set_uses": ("use_id", "org_id", "mode", "rule_set_id", "proposed_by", "set_by", "set_at"),
    "fraud_case_changes": (
        *("case_id", "org_id", "cause", "status", "assignee", "assigned_at", "decided_by", "decided_at"),
        *("reason_code", "vendor_blocked", "decision_audit_seq"),
    ),
    "lines": (
        *("line_item_id", "org_id", "payment_id", "content_version", "line_no", "description", "quantity"),
        "unit_price_cents",
    ),
    "approvals": (
        *("approval_id", "org_id", "payment_id", "created_by", "approver_id", "approver_role", "content_version"),
        *("digest", "audit_seq", "approved_at", "on_behalf_of"),
    ),
    "voids": ("org_id", "payment_id", "approver_id", "voided_at"),
    "holds": (
        *("hold_id", "org_id", "payment_id", "kind", "placed_by", "placed_at", "audit_seq", "reason_characters"),
    ),
    "releases": ("org_id", "payment_id", "kind", "released_at", "released_by", "audit_seq"),
    "subscriptions": (
        *("subscription_id", "name", "org_id", "event_types", "replay_after", "replay_until", "replay_again"),
        "created_at",
    ),
    "subscription_changes": (
        *("subscription_id", "org_id", "active", "event_types", "replay_after", "replay_until", "replay_again"),
    ),
    "endpoints": (
        *("endpoint_id", "org_id", "url", "description", "max_in_flight", "digest", "audit_seq", "audit_head"),
        *("event_seq", "created_by", "created_at", "updated_at"),
    ),
    "endpoint_changes": (
        *("endpoint_id", "org_id", "url", "description", "max_in_flight", "status", "disabled_reason", "disabled_at"),
        *("disabled_position", "deleted_at", "digest", "version", "audit_seq", "audit_head", "event_seq", "updated_at"),
    ),
    "secret_ends": ("secret_id", "org_id", "expires_at"),
    "secrets": ("secret_id", "org_id", "endpoint_id", "secret", "created_at"),
    "recoveries": ("endpoint_id", "org_id"),
    "redeliveries": ("org_id", "delivery_id"),
    "delegations": (
        *("delegation_id", "org_id", "delegator_id", "delegator_role", "delegate_id", "starts_at", "ends_at"),
        *("created_at", "digest", "audit_seq", "audit_head", "event_seq"),
    ),
    "delegation_ends": ("delegation_id", "org_id", "ended_at", "ended_by", "audit_seq", "audit_head", "event_seq"),
    "policies": (
        *("policy_id", "org_id", "version", "document", "digest", "proposed_by", "proposed_at", "audit_seq"),
        *("audit_head", "event_seq"),
    ),
    "policy_activations": (
        *("policy_id", "org_id", "activated_by", "activated_at", "audit_seq", "audit_head", "event_seq"),
    ),
    "active_policies": ("org_id", "version"),
    "audit": AuditEntry.__struct_fields__,
    "texts": ("org_id", "subject_id", "seq", "salt", "text"),
    "events": (
        *("org_id", "aggregate_type", "aggregate_id", "sequence", "event_id", "event_type", "detail", "occurred_at"),
    ),
    "inbox": (*("org_id", "source", "event_id", "event_type", "payment_id", "received_at", "driver_id", "photos_key"),),
    "quarantine": ("quarantine_id", "org_id", "raw", "reason", "errors", "publisher", "times", "seen_at"),
    "resolutions": ("quarantine_id", "org_id", "resolved_at", "resolved_by", "payment_id"),
    "redrives": ("org_id", "delivery_id"),
    "commands": (
        *("command_id", "org_id", "operation", "caller", "idempotency_key", "fingerprint", "payment_id", "answer"),
        "created_at",
    ),
}
"""The columns of each block of writes.sql, in the order its rows bring them."""


IN_UTF_8: Final = frozenset({"audit.canonical", "commands.answer"})
"""Columns of bytes that are text, and go as such."""


@dataclass(frozen=True)
class Rows:
    """The rows of one batch, by block."""

    by_block: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, block: str, *rows: Row) -> None:
        """Puts rows, their values in the order of COLUMNS, to be written."""
        if rows:
            self.by_block.setdefault(block, []).extend(rows)

    def take(self, others: Rows) -> None:
        """Puts all rows of `others` to be written."""
        for block, found in others.by_block.items():
            self.add(block, *found)

    def __bool__(self) -> bool:
        return bool(self.by_block)


async def write_and_commit(connection: Connection, rows: Rows) -> None:
    """Writes all rows and commits, in one round trip.

    A psycopg error with the connection still alive means that nothing was written; a lost connection means that
    nobody knows (correctness.md 5).
    """
    async with connection.pipeline():
        await execute(connection, _statement(used_blocks(rows)), _parameters(rows))
        await connection.execute(b"COMMIT")


def used_blocks(rows: Rows) -> tuple[str, ...]:
    """The blocks that have rows, in the order they are written."""
    return tuple(name for name in COLUMNS if name in rows.by_block)


@lru_cache(maxsize=MIXTURES_MAX)
def _statement(used: tuple[str, ...]) -> str:
    blocks = queries.load("writes.sql")
    return joined({name: blocks[name] for name in used}, "SELECT")


def joined(parts: Mapping[str, str], end: str) -> str:
    """Blocks as one WITH statement."""
    return "WITH " + ",\n".join(f"{name} AS (\n{text}\n)" for name, text in parts.items()) + f"\n{end}"


def arrays(block: str, rows: Sequence[Row]) -> list[str]:
    """The rows of one block as one array literal per column."""
    return [
        literal(map(bytes.decode, values) if f"{block}.{column}" in IN_UTF_8 else values)
        for column, values in zip(COLUMNS[block], zip(*rows, strict=True), strict=True)
    ]


def _parameters(rows: Rows) -> dict[str, str]:
    return {
        f"{block}.{column}": array
        for block, found in rows.by_block.items()
        for column, array in zip(COLUMNS[block], arrays(block, found), strict=True)
    }
