"""Valid rows of policies, delegations, listings and rule sets, as the service writes them: by one statement each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Placeholder
from psycopg.types.json import Json

from tests.database import DIGEST, Row, new_id, now
from vendorpay.domain.audit import GENESIS, canonical_bytes, link

TABLES: Final = {
    "policy": ("policies", "policy_id"),
    "delegation": ("delegations", "delegation_id"),
    "fraud_listing": ("fraud_listings", "listing_id"),
    "fraud_rule_set": ("fraud_rule_sets", "rule_set_id"),
}


@dataclass(kw_only=True)
class SubjectRows:
    """What one statement writes about one subject; `sets` are the columns of an update, None when it is new. `applies`
    is the version that becomes the one that applies."""

    kind: str
    row: Row
    sets: Row | None = None
    entries: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    applies: int | None = None
    uses: Row | None = None
    """How a rule set is used from now on."""

    @property
    def subject_id(self) -> Any:
        """Its id, in its own column."""
        return self.row[TABLES[self.kind][1]]


def a_policy(**columns: Any) -> SubjectRows:
    """The rows of a proposal; `columns` win over the defaults."""
    at = now()
    policy = {
        "policy_id": new_id(at),
        "org_id": "roadcall",
        "version": 1,
        "document": Json({"rules": [{"name": "all", "anyOf": [[{"role": "admin"}]]}]}),
        "digest": DIGEST,
        "proposed_by": "admin-1",
        "proposed_at": at,
        **columns,
    }
    return _new(SubjectRows(kind="policy", row=policy), "policy_proposed", "PolicyProposed", policy["proposed_by"])


def activating(policy: Row, by: str = "admin-2", **sets: Any) -> SubjectRows:
    """The rows by which a stored policy comes to apply; `sets` win."""
    rows = _changed("policy", policy, "policy_activated", "PolicyActivated", by)
    rows.sets = {**(rows.sets or {}), "activated_by": by, "activated_at": now(), **sets}
    rows.applies = policy["version"]
    return rows


def apply_policy(connection: Connection[TupleRow], document: Row) -> int:
    """Proposes a document and lets it apply; its version."""
    found = connection.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM policies WHERE org_id = 'roadcall'"
    ).fetchone()
    assert found is not None
    stored = put(connection, a_policy(version=found[0], document=Json(document)))
    put(connection, activating(stored))
    return int(found[0])


def a_delegation(**columns: Any) -> SubjectRows:
    """The rows of a delegation for a day; `columns` win over the defaults."""
    at = now()
    delegation = {
        "delegation_id": new_id(at),
        "org_id": "roadcall",
        "delegator_id": "ann",
        "delegator_role": "admin",
        "delegate_id": "ben",
        "starts_at": at,
        "ends_at": at + timedelta(days=1),
        "created_at": at,
        "digest": DIGEST,
        **columns,
    }
    rows = SubjectRows(kind="delegation", row=delegation)
    return _new(rows, "delegation_given", "DelegationGiven", delegation["delegator_id"])


def ending(delegation: Row, by: str = "ann", **sets: Any) -> SubjectRows:
    """The rows by which a stored delegation ends; `sets` win."""
    rows = _changed("delegation", delegation, "delegation_ended", "DelegationEnded", by)
    rows.sets = {**(rows.sets or {}), "ended_at": now(), "ended_by": by, **sets}
    return rows


def a_listing(kind: str = "allow", **columns: Any) -> SubjectRows:
    """The rows of a vendor that is listed; trust and snoozes are for a day."""
    at = now()
    listing = {
        "listing_id": new_id(at),
        "org_id": "roadcall",
        "vendor_id": uuid4(),
        "kind": kind,
        "signal": "high_amount" if kind == "snooze" else None,
        "reason_code": "known_pattern",
        "listed_by": "admin-1",
        "listed_at": at,
        "expires_at": None if kind == "block" else at + timedelta(days=1),
        "digest": DIGEST,
        **columns,
    }
    rows = SubjectRows(kind="fraud_listing", row=listing)
    return _new(rows, "fraud_listing_added", "FraudListingAdded", listing["listed_by"])


def confirming(listing: Row, by: str = "admin-2", **sets: Any) -> SubjectRows:
    """The rows by which a stored listing comes to count; `sets` win."""
    rows = _changed("fraud_listing", listing, "fraud_listing_confirmed", "FraudListingConfirmed", by)
    rows.sets = {**(rows.sets or {}), "confirmed_by": by, "confirmed_at": now(), **sets}
    return rows


def ending_listing(listing: Row, by: str = "admin-1", **sets: Any) -> SubjectRows:
    """The rows by which a stored listing ends; `sets` win."""
    rows = _changed("fraud_listing", listing, "fraud_listing_ended", "FraudListingEnded", by)
    rows.sets = {**(rows.sets or {}), "ended_by": by, "ended_at": now(), **sets}
    return rows


def a_rule_set(version: str = "2", **columns: Any) -> SubjectRows:
    """The rows of a rule set that is brought; `columns` win over the defaults."""
    at = now()
    rule_set = {
        "rule_set_id": new_id(at),
        "org_id": "roadcall",
        "version": version,
        "document": Json({"version": version}),
        "proposed_by": "admin-1",
        "proposed_at": at,
        "stage": "proposed",
        "digest": DIGEST,
        **columns,
    }
    rows = SubjectRows(kind="fraud_rule_set", row=rule_set)
    return _new(rows, "fraud_rule_set_proposed", "FraudRuleSetProposed", rule_set["proposed_by"])


def using(rule_set: Row, mode: str, by: str = "admin-2", **use: Any) -> SubjectRows:
    """The rows by which a stored rule set comes to be used; `use` wins over what is said of its use."""
    stored = {**rule_set, "stage": mode}
    rows = _changed("fraud_rule_set", stored, "fraud_rule_set_activated", "FraudRuleSetActivated", by)
    rows.sets = {**(rows.sets or {}), "stage": mode}
    rows.uses = {
        "use_id": new_id(now()),
        "org_id": rule_set["org_id"],
        "mode": mode,
        "rule_set_id": rule_set["rule_set_id"],
        "proposed_by": rule_set["proposed_by"],
        "set_by": by,
        "set_at": now(),
        **use,
    }
    return rows


def _new(rows: SubjectRows, action: str, event: str, actor: str) -> SubjectRows:
    given = rows.row
    counters = {"audit_seq": 0, "audit_head": GENESIS, "event_seq": 0}
    own = {name: given[name] for name in counters if name in given}
    given.update(counters)
    _put(rows, given, action, event, actor)
    given.update(own)
    return rows


def _changed(kind: str, stored: Row, action: str, event: str, actor: str) -> SubjectRows:
    sets = {name: stored[name] for name in ("audit_seq", "audit_head", "event_seq")}
    rows = SubjectRows(kind=kind, row=stored, sets=sets)
    _put(rows, sets, action, event, actor)
    return rows


def _put(rows: SubjectRows, target: Row, action: str, event: str, actor: str) -> None:
    """Puts an entry and an event into `rows`, and their numbers and the chain's head into `target`."""
    at = now()
    facts: Row = {
        "log_id": uuid4(),
        "org_id": rows.row["org_id"],
        "subject_type": rows.kind,
        "subject_id": rows.subject_id,
        "payment_id": None,
        "seq": target["audit_seq"] + 1,
        "action": action,
        "actor_id": actor,
        "actor_type": "admin",
        "previous_status": None,
        "new_status": rows.row.get("stage"),
        "reason_code": None,
        "content_digest": rows.row["digest"],
        "notes_digest": None,
        "timestamp": at,
    }
    head, canonical = target["audit_head"], canonical_bytes(**facts)
    rows.entries.append({**facts, "canonical": canonical, "prev_hash": head, "hash": link(head, canonical)})
    target.update(audit_seq=facts["seq"], audit_head=link(head, canonical), event_seq=target["event_seq"] + 1)
    rows.events.append(
        {
            "org_id": rows.row["org_id"],
            "aggregate_type": rows.kind,
            "aggregate_id": rows.subject_id,
            "sequence": target["event_seq"],
            "event_id": uuid4(),
            "event_type": event,
            "detail": Json({}),
            "occurred_at": at,
        }
    )


def put(connection: Connection[TupleRow], rows: SubjectRows) -> Row:
    """Writes everything by one statement; the subject's row as it is stored then."""
    table, key = TABLES[rows.kind]
    parts: list[Composable] = []
    values: list[Any] = []
    if rows.sets is None:
        _insert(parts, values, table, rows.row)
    else:
        names = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in rows.sets)
        parts.append(SQL("UPDATE {} SET {} WHERE {} = %s").format(Identifier(table), names, Identifier(key)))
        values += [*rows.sets.values(), rows.subject_id]
    if rows.applies is not None:
        parts.append(
            SQL(
                "INSERT INTO active_policies (org_id, version) VALUES (%s, %s)"
                " ON CONFLICT (org_id) DO UPDATE SET version = excluded.version"
            )
        )
        values += [rows.row["org_id"], rows.applies]
    if rows.uses is not None:
        _insert(parts, values, "fraud_rule_set_uses", rows.uses)
    for name, found in (("payment_audit_log", rows.entries), ("outbox", rows.events)):
        for row in found:
            _insert(parts, values, name, row)
    steps = SQL(", ").join(SQL("{} AS ({})").format(Identifier(f"step_{n}"), part) for n, part in enumerate(parts))
    connection.execute(SQL("WITH {} SELECT").format(steps), values)
    cursor = connection.execute(
        SQL("SELECT * FROM {} WHERE {} = %s").format(Identifier(table), Identifier(key)), [rows.subject_id]
    )
    stored = cursor.fetchone()
    assert stored is not None
    assert cursor.description is not None
    return {column.name: value for column, value in zip(cursor.description, stored, strict=True)}


def _insert(parts: list[Composable], values: list[Any], table: str, row: Row) -> None:
    names = SQL(", ").join(map(Identifier, row))
    places = SQL(", ").join([Placeholder()] * len(row))
    parts.append(SQL("INSERT INTO {} ({}) VALUES ({})").format(Identifier(table), names, places))
    values += row.values()
