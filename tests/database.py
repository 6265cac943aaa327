"""Databases for tests, and valid rows to start from: a payment as the service writes it, by one statement.

Tests of refusals take such rows, spoil one thing, and expect the database to say no; so everything here is honest:
hashes are the domain's own, and every statement writes as a role that owns nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import getrandbits
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Placeholder
from psycopg.types.json import Json, Jsonb

from vendorpay.domain.audit import GENESIS, canonical_bytes, link, notes_digest

Row = dict[str, Any]
DIGEST = "ab" * 32
CREATOR, APPROVER, SCORER = "creator", "approver", "system:fraud-scoring"
WAYS: Mapping[str, Sequence[str]] = {
    "pending_approval": (),
    "approved": ("approved",),
    "processing": ("approved", "processing"),
    "completed": ("approved", "processing", "completed"),
    "failed": ("approved", "processing", "failed"),
    "rejected": ("rejected",),
    "cancelled": ("cancelled",),
    "reversed": ("approved", "processing", "completed", "reversed"),
}
"""How a payment comes to each status."""


@dataclass(frozen=True, kw_only=True)
class DatabaseUrls:
    """One database as each role reaches it; `app` and `readonly` are logins of their own, not SET ROLE."""

    name: str
    owner: str
    app: str
    readonly: str
    superuser: str


@dataclass(kw_only=True)
class Rows:
    """What one statement writes; `sets` are the columns of an update, None when the payment is new."""

    payment: Row
    sets: Row | None = None
    lines: list[Row] = field(default_factory=list)
    approvals: list[Row] = field(default_factory=list)
    voids_approvals: bool = False
    voids_approvals_of: str | None = None
    holds: list[Row] = field(default_factory=list)
    releases_holds_by: str | None = None
    scores: list[Row] = field(default_factory=list)
    cases: list[Row] = field(default_factory=list)
    case_sets: Row | None = None
    entries: list[Row] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def new_id(at: datetime) -> UUID:
    """A UUIDv7 of that moment."""
    milliseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | getrandbits(62))


def now() -> datetime:
    """Now, in whole milliseconds: the precision of a UUIDv7."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def new_payment(*, lines: Sequence[tuple[int, int]] = ((1, 10_000), (2, 250)), **columns: Any) -> Rows:
    """The rows of a valid payment that waits; `lines` are (quantity, unit price), `columns` win over the defaults."""
    at = columns.get("created_at", now())
    payment: Row = {
        "payment_id": new_id(at),
        "org_id": "roadcall",
        "incident_id": uuid4(),
        "vendor_id": uuid4(),
        "payer_type": "back_office",
        "amount_cents": sum(quantity * price for quantity, price in lines),
        "digest": DIGEST,
        "line_count": len(lines),
        "required_approvals": 0 if columns.get("payer_type") == "driver_ic" else 1,
        "created_by": CREATOR,
        "created_at": at,
        "updated_at": at,
        **columns,
    }
    rows = Rows(payment=payment, lines=line_items(payment, lines))
    payment["audit_seq"], payment["audit_head"], payment["event_seq"] = 0, GENESIS, 0
    add_entry(rows, payment, "payment_created", None, "pending_approval", actor=payment["created_by"])
    add_event(rows, payment, "PaymentCreated")
    return rows


def line_items(payment: Row, lines: Sequence[tuple[int, int]], *, content_version: int = 1) -> list[Row]:
    """Lines of one content of a payment."""
    return [
        {
            "line_item_id": uuid4(),
            "org_id": payment["org_id"],
            "payment_id": payment["payment_id"],
            "content_version": content_version,
            "line_no": number,
            "description": f"Work {number}",
            "quantity": quantity,
            "unit_price_cents": price,
        }
        for number, (quantity, price) in enumerate(lines, start=1)
    ]


def add_entry(
    rows: Rows,
    target: Row,
    action: str,
    previous: str | None,
    new: str | None,
    *,
    actor: str = APPROVER,
    actor_type: str = "user",
    notes: str | None = None,
) -> None:
    """Puts the next audit entry into `rows` and its seq and hash into `target`, the payment's columns."""
    seq, head = target["audit_seq"] + 1, target["audit_head"]
    payment = rows.payment
    salt = uuid4().bytes
    facts: Row = {
        "log_id": uuid4(),
        "org_id": payment["org_id"],
        "subject_type": "payment",
        "subject_id": payment["payment_id"],
        "payment_id": payment["payment_id"],
        "seq": seq,
        "action": action,
        "actor_id": actor,
        "actor_type": actor_type,
        "previous_status": previous,
        "new_status": new,
        "reason_code": None,
        "content_digest": payment["digest"],
        "notes_digest": None if notes is None else notes_digest(salt, notes),
        "timestamp": payment["updated_at"],
    }
    canonical = canonical_bytes(**facts)
    rows.entries.append({**facts, "canonical": canonical, "prev_hash": head, "hash": link(head, canonical)})
    if notes is not None:
        key = {"org_id": facts["org_id"], "subject_id": facts["subject_id"], "seq": seq}
        rows.texts.append({**key, "salt": salt, "text": notes})
    target["audit_seq"], target["audit_head"] = seq, link(head, canonical)


def add_event(rows: Rows, target: Row, event_type: str) -> None:
    """Puts the payment's next event into `rows` and its number into `target`."""
    target["event_seq"] += 1
    rows.events.append(
        {
            "org_id": rows.payment["org_id"],
            "aggregate_type": "payment",
            "aggregate_id": rows.payment["payment_id"],
            "sequence": target["event_seq"],
            "event_id": uuid4(),
            "event_type": event_type,
            "detail": Json({"paymentId": str(rows.payment["payment_id"])}),
            "occurred_at": rows.payment["updated_at"],
        }
    )


def change(
    payment: Row,
    *,
    action: str = "payment_updated",
    actor: str = APPROVER,
    actor_type: str = "user",
    notes: str | None = None,
    **sets: Any,
) -> Rows:
    """The rows of a change of a stored payment: next version, audit entry and event, and `sets` over them."""
    counters: Row = {name: payment[name] for name in ("audit_seq", "audit_head", "event_seq")}
    rows = Rows(payment=payment, sets={"version": payment["version"] + 1, **counters})
    assert rows.sets is not None
    status = sets.get("status", payment["status"])
    add_entry(rows, rows.sets, action, payment["status"], status, actor=actor, actor_type=actor_type, notes=notes)
    add_event(rows, rows.sets, "PaymentUpdated")
    rows.sets.update(sets)
    return rows


def approval(payment: Row, approver: str = APPROVER, **columns: Any) -> Row:
    """A valid approval of the payment's present content."""
    return {
        "approval_id": uuid4(),
        "org_id": payment["org_id"],
        "payment_id": payment["payment_id"],
        "created_by": payment["created_by"],
        "approver_id": approver,
        "approver_role": "dispatcher",
        "content_version": payment["content_version"],
        "digest": payment["digest"],
        "audit_seq": payment["audit_seq"] + 1,
        "approved_at": payment["updated_at"],
        **columns,
    }


def approving(payment: Row, approver: str = APPROVER, role: str = "dispatcher") -> Rows:
    """The rows of the last approval that a waiting back-office payment needs."""
    rows = change(
        payment,
        action="payment_approved",
        actor=approver,
        actor_type="admin" if role == "admin" else "user",
        status="approved",
        approvals_valid=payment["approvals_valid"] + 1,
        approved_by=approver,
        approved_at=payment["updated_at"],
    )
    rows.approvals.append(approval(payment, approver, approver_role=role))
    return rows


def hold(payment: Row, person: str = APPROVER, **columns: Any) -> Row:
    """An open hold of the payment, by the person whose entry comes next."""
    return {
        "hold_id": uuid4(),
        "org_id": payment["org_id"],
        "payment_id": payment["payment_id"],
        "kind": "manual",
        "placed_by": person,
        "placed_at": payment["updated_at"],
        "audit_seq": payment["audit_seq"] + 1,
        "reason_characters": 6,
        **columns,
    }


def holding(payment: Row, person: str = APPROVER, **columns: Any) -> Rows:
    """The rows of a hold, with its words; `columns` are the hold's own."""
    rows = change(payment, action="payment_held", actor=person, notes="unseen", open_holds=payment["open_holds"] + 1)
    rows.holds.append(hold(payment, person, **columns))
    return rows


def releasing(payment: Row, person: str = APPROVER) -> Rows:
    """The rows that release all holds of a payment."""
    rows = change(payment, action="payment_released", actor=person, open_holds=0)
    rows.releases_holds_by = person
    return rows


def score(payment: Row, **columns: Any) -> Row:
    """A live score of the payment's present content, under the entry that comes next."""
    return {
        "score_id": uuid4(),
        "org_id": payment["org_id"],
        "payment_id": payment["payment_id"],
        "content_version": payment["content_version"],
        "shadow": False,
        "provider": "embedded",
        "rule_set_version": "1",
        "score": 0.1,
        "status": "low_risk",
        "error": None,
        "findings": Jsonb([]),
        "facts": None,
        "duration_us": 900,
        "scored_at": payment["updated_at"],
        "audit_seq": payment["audit_seq"] + 1,
        **columns,
    }


def scoring(payment: Row, **columns: Any) -> Rows:
    """The rows of a score that flags nothing; `columns` are the score's own."""
    found = score(payment, **columns)
    row = {"fraud_score": found["score"], "fraud_status": found["status"], "fraud_gate": "clear"}
    rows = change(payment, action="payment_scored", actor=SCORER, **row)
    rows.scores.append(found)
    return rows


def fraud_case(payment: Row, **columns: Any) -> Row:
    """An open case of the payment, under the second of the entries that come next."""
    return {
        "case_id": new_id(now()),
        "org_id": payment["org_id"],
        "payment_id": payment["payment_id"],
        "created_by": payment["created_by"],
        "content_version": payment["content_version"],
        "cause": "score",
        "opened_at": payment["updated_at"],
        "audit_seq": payment["audit_seq"] + 2,
        **columns,
    }


def flagging(payment: Row, **columns: Any) -> Rows:
    """The rows of a score that flags a payment, with its case; `columns` are the case's own."""
    case = fraud_case(payment, **columns)
    rows = scoring(payment, score=0.9, status="flagged")
    assert rows.sets is not None
    add_entry(rows, rows.sets, "fraud_case_opened", payment["status"], payment["status"], actor=SCORER)
    rows.sets.update(fraud_gate="review_required", fraud_case_id=case["case_id"])
    rows.cases.append(case)
    return rows


def deciding(payment: Row, decision: str, person: str = APPROVER) -> Rows:
    """The rows of a decision about the payment's open case."""
    cleared = decision == "cleared"
    row: Row = {"fraud_case_id": None} | ({"fraud_gate": "clear"} if cleared else {"status": "rejected"})
    rows = change(payment, action=f"fraud_case_{decision}", actor=person, **row)
    rows.case_sets = {
        "status": decision,
        "decided_by": person,
        "decided_at": payment["updated_at"],
        "reason_code": "verified_with_vendor" if cleared else "inflated",
        "decision_audit_seq": payment["audit_seq"] + 1,
    }
    return rows


def moving(payment: Row, target: str) -> Rows:
    """The rows of a move along the lifecycle, with all that the move needs."""
    if target == "approved":
        return approving(payment)
    at = payment["updated_at"]
    needed: dict[str, Row] = {
        "pending_approval": {"approvals_valid": 0, "approved_by": None, "approved_at": None},
        "processing": {"processed_at": at},
        "completed": {"completed_at": at},
        "failed": {"failed_reason": "account closed", "failed_code": "account_closed"},
    }
    rows = change(payment, action=f"payment_{target}", status=target, **needed.get(target, {}))
    rows.voids_approvals = target == "pending_approval"
    return rows


def in_status(connection: Connection[TupleRow], status: str, **columns: Any) -> Row:
    """A stored payment that came to `status` by moves that are allowed."""
    payment = write(connection, new_payment(**columns))
    for step in WAYS[status]:
        payment = write(connection, moving(payment, step))
    return payment


def write(connection: Connection[TupleRow], rows: Rows, *others: Rows) -> Row:
    """Writes everything by one statement and answers the (first) payment's row as it is stored then."""
    parts: list[Composable] = []
    values: list[Any] = []
    for one in (rows, *others):
        _add_steps(parts, values, one)
    steps = SQL(", ").join(
        SQL("{} AS ({})").format(Identifier(f"step_{number}"), part) for number, part in enumerate(parts)
    )
    connection.execute(SQL("WITH {} SELECT").format(steps), values)
    return stored(connection, rows.payment["payment_id"])


def _add_steps(parts: list[Composable], values: list[Any], rows: Rows) -> None:
    if rows.sets is None:
        _insert(parts, values, "payments", [rows.payment])
    elif rows.sets:
        names = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in rows.sets)
        parts.append(SQL("UPDATE payments SET {} WHERE payment_id = %s").format(names))
        values += [*map(_adapted, rows.sets.values()), rows.payment["payment_id"]]
    if rows.voids_approvals:
        parts.append(SQL("UPDATE approvals SET voided_at = now() WHERE payment_id = %s AND voided_at IS NULL"))
        values.append(rows.payment["payment_id"])
    if rows.voids_approvals_of is not None:
        parts.append(SQL("UPDATE approvals SET voided_at = now() WHERE payment_id = %s AND approver_id = %s"))
        values += [rows.payment["payment_id"], rows.voids_approvals_of]
    if rows.releases_holds_by is not None:
        parts.append(
            SQL(
                "UPDATE holds SET released_at = now(), released_by = %s, release_audit_seq = %s"
                " WHERE payment_id = %s AND released_at IS NULL"
            )
        )
        values += [rows.releases_holds_by, rows.entries[-1]["seq"], rows.payment["payment_id"]]
    if rows.case_sets:
        names = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in rows.case_sets)
        parts.append(SQL("UPDATE fraud_cases SET {} WHERE payment_id = %s AND status = 'open'").format(names))
        values += [*rows.case_sets.values(), rows.payment["payment_id"]]
    for table, found in (
        ("payment_line_items", rows.lines),
        ("approvals", rows.approvals),
        ("holds", rows.holds),
        ("fraud_scores", rows.scores),
        ("fraud_cases", rows.cases),
        ("payment_audit_log", rows.entries),
        ("audit_texts", rows.texts),
        ("outbox", rows.events),
    ):
        _insert(parts, values, table, found)


def stored(connection: Connection[TupleRow], payment_id: UUID) -> Row:
    """The payment's row, all columns of it."""
    cursor = connection.execute("SELECT * FROM payments WHERE payment_id = %s", [payment_id])
    found = cursor.fetchone()
    assert found is not None
    assert cursor.description is not None
    return {column.name: value for column, value in zip(cursor.description, found, strict=True)}


def _insert(parts: list[Composable], values: list[Any], table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        names = SQL(", ").join(map(Identifier, row))
        places = SQL(", ").join([Placeholder()] * len(row))
        parts.append(SQL("INSERT INTO {} ({}) VALUES ({})").format(Identifier(table), names, places))
        values += map(_adapted, row.values())


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list) else value
