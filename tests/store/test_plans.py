"""On 200,000 payments every queue and page reads about as many rows as it shows, at its start and in its middle."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls
from vendorpay.store import queries

LIMIT = 50
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)

# Rows as they are after years: nearly all completed, few that wait, one big organisation and a small one.
LOAD = """
INSERT INTO payments (
    payment_id, org_id, incident_id, vendor_id, reference, payer_type, payer_id, amount_cents, status, digest,
    line_count, required_approvals, approvals_valid, audit_seq, audit_head, event_seq, approved_by, approved_at,
    processed_at, completed_at, created_by, created_at, updated_at)
SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8000'
        || lpad(to_hex(n), 12, '0'))::uuid,
       CASE WHEN n % 1000 = 1 THEN 'tiny' WHEN n % 10 = 0 THEN 'small' ELSE 'big' END,
       md5('incident' || n / 2)::uuid, md5('vendor' || n % 500)::uuid,
       'bill-' || n, CASE WHEN driver THEN 'driver_ic' ELSE 'back_office' END,
       CASE WHEN driver THEN md5('driver' || n % 300)::uuid END, 100, status, repeat('ab', 32), 1,
       CASE WHEN driver THEN 0 ELSE 1 END, CASE WHEN driver OR status <> 'completed' THEN 0 ELSE 1 END, 1,
       sha256(''), 1, CASE WHEN driver OR status <> 'completed' THEN NULL ELSE 'approver' END,
       CASE WHEN status = 'completed' THEN at END, CASE WHEN status = 'completed' THEN at END,
       CASE WHEN status = 'completed' THEN at END, 'creator', at, at
FROM (SELECT n, timestamptz '2024-01-01' + n * interval '5 minutes' AS at, n % 7 = 0 AS driver,
             CASE WHEN n % 40 = 1 THEN 'pending_approval' WHEN n % 50 = 2 THEN 'rejected' ELSE 'completed' END AS status
      FROM generate_series(1, 200000) AS n) AS made
"""


@pytest.fixture(scope="module")
def history(module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(module_database_urls.superuser, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        # Indexes are built at the end, and what the rules check row by row is not the matter here: a third of the time.
        indexes = superuser.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'payments' AND indexname NOT LIKE '%\\_key'"
            " AND indexname <> 'payments_pkey'"
        ).fetchall()
        checks = superuser.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'payments'::regclass AND contype = 'c'"
        ).fetchall()
        for name, _ in indexes:
            superuser.execute(f"DROP INDEX {name}".encode())
        for (name,) in checks:
            superuser.execute(f"ALTER TABLE payments DROP CONSTRAINT {name}".encode())
        superuser.execute(LOAD.encode())
        for _, definition in indexes:
            superuser.execute(definition.encode())
        superuser.execute("ANALYZE payments")
    with psycopg.connect(module_database_urls.readonly, autocommit=True) as connection:
        yield connection


def explained(connection: Connection[TupleRow], statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """What lies under the plan's LIMIT, as it really ran; a sort would be one more node."""
    asked = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}".encode()
    row = connection.execute(asked, parameters).fetchone()
    assert row is not None
    found: list[dict[str, Any]] = []
    waiting = [row[0][0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += [child for child in node.get("Plans", []) if child["Parent Relationship"] != "SubPlan"]
        if node["Node Type"] != "Limit":
            found.append(node)
    return found


def page(*conditions: str) -> str:
    blocks = queries.load("payments.sql")
    return blocks["page"].replace("@conditions", " ".join(blocks[f"condition_{name}"] for name in conditions))


def example(connection: Connection[TupleRow], column: str, where: str) -> Any:
    row = connection.execute(f"SELECT {column} FROM payments WHERE {where} LIMIT 1".encode()).fetchone()
    assert row is not None
    return row[0]


def middle(connection: Connection[TupleRow], org: str) -> UUID:
    row = connection.execute(
        "SELECT payment_id FROM payments WHERE org_id = %s ORDER BY payment_id"
        " OFFSET (SELECT count(*) / 2 FROM payments WHERE org_id = %s) LIMIT 1",
        [org, org],
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


PAGES = [
    (("vendor_id",), {"vendor_id": "org_id = 'big'"}, "idx_payments_vendor"),
    (("scope_vendor_id",), {"scope_vendor_id": "org_id = 'big'"}, "idx_payments_vendor"),
    (("scope_payer_id",), {"scope_payer_id": "org_id = 'big' AND payer_id IS NOT NULL"}, "idx_payments_payer"),
    (("incident_id",), {"incident_id": "org_id = 'big'"}, "idx_payments_incident"),
    (("reference",), {"reference": "org_id = 'big'"}, "idx_payments_reference"),
    (("status",), {"status": "status = 'pending_approval'"}, "idx_payments_status"),
    (("status",), {"status": "status = 'rejected'"}, "idx_payments_status"),
]


@pytest.mark.parametrize("where", ["start", "middle"])
@pytest.mark.parametrize("org", ["big", "small"])
@pytest.mark.parametrize(("conditions", "examples", "index"), PAGES, ids=lambda value: str(value)[:60])
def test_fault_77_a_page_reads_what_it_shows(
    conditions: tuple[str, ...],
    examples: dict[str, str],
    index: str,
    org: str,
    where: str,
    history: Connection[TupleRow],
) -> None:
    values = {
        name: example(history, name.removeprefix("scope_"), condition.replace("'big'", f"'{org}'"))
        for name, condition in examples.items()
    }
    before = LAST if where == "start" else middle(history, org)
    parameters = {**values, "org_id": org, "before": before, "limit": LIMIT}
    assert_reads_little(explained(history, page(*conditions), parameters), index)


@pytest.mark.parametrize("where", ["start", "middle"])
@pytest.mark.parametrize(("org", "read_max"), [("big", 2 * LIMIT), ("small", 15 * LIMIT), ("tiny", LIMIT)])
def test_fault_77_a_page_of_everything_reads_little_however_small_the_organisation(
    org: str, read_max: int, where: str, history: Connection[TupleRow]
) -> None:
    """Along the primary key, passing others by, where the organisation is a large part of all; else along its own."""
    before = LAST if where == "start" else middle(history, org)
    (node,) = explained(history, page(), {"org_id": org, "before": before, "limit": LIMIT})
    assert node["Index Name"] == "payments_pkey" or node["Index Name"].startswith("payments_org_id_payment_id_")
    assert rows_read(node) <= read_max


@pytest.mark.parametrize("where", ["start", "middle"])
@pytest.mark.parametrize("org", ["big", "small"])
def test_fault_77_the_queue_of_approvals_reads_what_it_shows(
    org: str, where: str, history: Connection[TupleRow]
) -> None:
    after = FIRST if where == "start" else middle(history, org)
    parameters = {"org_id": org, "after": after, "limit": LIMIT, "offset": 0}
    parameters |= {"scope_vendor_id": None, "scope_payer_id": None}
    statement = queries.load("payments.sql")["pending"]
    assert_reads_little(explained(history, statement, parameters), "idx_payments_pending")


@pytest.mark.parametrize("where", ["start", "middle"])
@pytest.mark.parametrize("org", ["big", "small"])
def test_what_waits_for_somebody_is_read_along_the_queue(org: str, where: str, history: Connection[TupleRow]) -> None:
    after = FIRST if where == "start" else middle(history, org)
    statement = queries.load("payments.sql")["queue"]
    nodes = explained(history, statement, {"org_id": org, "after": after, "limit": LIMIT})
    assert_reads_little(nodes, "idx_payments_pending")


def assert_reads_little(nodes: list[dict[str, Any]], index: str) -> None:
    assert [node.get("Index Name") for node in nodes] == [index], nodes
    assert nodes[0]["Node Type"] in ("Index Scan", "Index Only Scan")
    assert rows_read(nodes[0]) <= LIMIT


def rows_read(node: dict[str, Any]) -> float:
    return float(node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
