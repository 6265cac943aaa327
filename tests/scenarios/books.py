"""What must be true of the tables at every moment, whatever was killed: nothing is half there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import psycopg
from psycopg.rows import dict_row

from vendorpay.store.db import Database
from vendorpay.usecases import verify_audit

Row = dict[str, Any]

# Each finds what must not exist. The schema forbids most of it already; here it is looked for from outside.
UNEQUAL = "a payment with more or fewer changes than commands"
"""Not so where a release may find nothing to release: that is carried out, and changes nothing."""
HALF_THERE = {
    "a payment whose lines are missing or sum up to something else": """
        SELECT p.payment_id FROM payments p CROSS JOIN LATERAL (
            SELECT count(*) AS n, sum(l.total_cents) AS total FROM payment_line_items l
            WHERE l.payment_id = p.payment_id AND l.content_version = p.content_version) l
        WHERE l.n <> p.line_count OR l.total IS DISTINCT FROM p.amount_cents""",
    "a payment whose audit entries are not 1, 2, 3.. up to its head": """
        SELECT p.payment_id FROM payments p CROSS JOIN LATERAL (
            SELECT count(*) AS n, max(a.seq) AS last, min(a.action) FILTER (WHERE a.seq = 1) AS first,
                   (array_agg(a.hash ORDER BY a.seq DESC))[1] AS head
            FROM payment_audit_log a WHERE a.subject_id = p.payment_id) a
        WHERE a.n <> p.audit_seq OR a.last IS DISTINCT FROM p.audit_seq OR a.head IS DISTINCT FROM p.audit_head
              OR a.first IS DISTINCT FROM 'payment_created'""",
    "a payment whose events are not 1, 2, 3.. up to its number": """
        SELECT p.payment_id FROM payments p CROSS JOIN LATERAL (
            SELECT count(*) AS n, max(o.sequence) AS last, min(o.event_type) FILTER (WHERE o.sequence = 1) AS first
            FROM outbox o WHERE o.aggregate_id = p.payment_id) o
        WHERE o.n <> p.event_seq OR o.last IS DISTINCT FROM p.event_seq OR o.first IS DISTINCT FROM 'PaymentCreated'""",
    UNEQUAL: """
        SELECT p.payment_id FROM payments p LEFT JOIN (
            SELECT payment_id, count(*) AS n FROM commands
            WHERE operation <> 'record_event' OR convert_from(answer, 'UTF8')::json ->> 'result' = 'accepted'
            GROUP BY payment_id) c USING (payment_id)
        WHERE p.version <> coalesce(c.n, 0)""",
    "an approved payment without its approvals, or the other way round": """
        SELECT p.payment_id FROM payments p CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM approvals a WHERE a.payment_id = p.payment_id AND a.voided_at IS NULL) a
        WHERE a.n <> p.approvals_valid
              OR p.status IN ('pending_approval', 'approved') AND p.payer_type = 'back_office'
                 AND (p.status = 'approved') <> (p.approvals_valid >= p.required_approvals)""",
    "two live payments for one job": """
        SELECT incident_id FROM payments WHERE status NOT IN ('rejected', 'cancelled', 'reversed')
        GROUP BY org_id, incident_id, vendor_id, reference HAVING count(*) > 1""",
    "an accepted event that the inbox does not know": """
        SELECT c.command_id FROM commands c WHERE c.operation = 'record_event' AND c.payment_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM inbox i WHERE i.payment_id = c.payment_id)""",
    "a line without its payment": "SELECT payment_id FROM payment_line_items EXCEPT SELECT payment_id FROM payments",
    "an audit entry without its payment": """
        SELECT subject_id FROM payment_audit_log WHERE subject_type = 'payment'
        EXCEPT SELECT payment_id FROM payments""",
    "an event without its payment": """
        SELECT aggregate_id FROM outbox WHERE aggregate_type = 'payment' EXCEPT SELECT payment_id FROM payments""",
    "a command without its payment": """
        SELECT payment_id FROM commands WHERE payment_id IS NOT NULL EXCEPT SELECT payment_id FROM payments""",
    "an inbox row without its payment": "SELECT payment_id FROM inbox EXCEPT SELECT payment_id FROM payments",
}


CHAINED = ("payments", "webhook_endpoints", "policies", "delegations", "fraud_listings", "fraud_rule_sets")
"""Whatever has an audit chain of its own."""


def rows(url: str, query: str, **values: Any) -> list[Row]:
    """What a query finds."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(query.encode(), values).fetchall()


def assert_whole(url: str, *, but: Collection[str] = ()) -> None:
    """Nothing in this database is half there, and every audit chain verifies; `but` names what is not looked for."""
    queries = {name: query for name, query in HALF_THERE.items() if name not in but}
    with psycopg.connect(url, autocommit=True) as connection:
        found = {name: connection.execute(query.encode()).fetchmany(5) for name, query in queries.items()}
    half = {name: some for name, some in found.items() if some}
    assert half == {}, half
    report = asyncio.run(_verified(url))
    assert report.clean, report.faults
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in CHAINED)
    assert report.chains == rows(url, f"SELECT {counts} AS n")[0]["n"]


async def _verified(url: str) -> verify_audit.AuditReport:
    async with Database.open(url) as database:
        return await verify_audit.verify(database, None)
