"""With history in every partition, a pass of the sequencer and a page of the feed read what is new and nothing else."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls
from vendorpay.store import queries

HISTORY, NEW = 24_000, 40
ROWS_READ_FOR_EACH = 12
LOAD = """
INSERT INTO outbox (org_id, aggregate_type, aggregate_id, sequence, event_id, event_type, detail, occurred_at)
SELECT 'org' || n %% 3, 'payment', overlay(overlay(md5((%(base)s + n)::text) PLACING
           substr(uuid7_floor(now() + n %% 20 * interval '1 month')::text, 1, 8)
           || substr(uuid7_floor(now() + n %% 20 * interval '1 month')::text, 10, 4) FROM 1) PLACING '7' FROM 13)::uuid,
       1, gen_random_uuid(), 'PaymentCreated', '{"a":1}', now() FROM generate_series(1, %(many)s) AS n
"""
LOAD_AUDIT = """
INSERT INTO payment_audit_log (log_id, org_id, subject_type, subject_id, payment_id, seq, action, actor_id, actor_type,
                               "timestamp", canonical, prev_hash, hash)
SELECT gen_random_uuid(), org_id, 'payment', aggregate_id, aggregate_id, 1, 'payment_created', 'somebody', 'user',
       now(), '', decode(repeat('00', 32), 'hex'), sha256(decode(repeat('00', 32), 'hex')) FROM outbox o
WHERE NOT EXISTS (SELECT FROM payment_audit_log a WHERE a.subject_id = o.aggregate_id)
"""
WORK = """
SELECT coalesce(sum(seq_tup_read) + sum(coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables
"""
STREAMS = ("feed", "audit")


def load(urls: DatabaseUrls, base: int, many: int) -> None:
    """Events and entries that nobody has numbered yet; on a connection of its own, for its setting voids all plans."""
    with psycopg.connect(urls.superuser, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(LOAD.encode(), {"base": base, "many": many})
        superuser.execute(LOAD_AUDIT.encode())


@pytest.fixture(scope="module")
def young(module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    """A session that planned its passes when there was nothing, and then history came."""
    with psycopg.connect(module_database_urls.superuser, autocommit=True) as connection:
        for stream in STREAMS:
            connection.execute("SELECT number_stream(%s, 1000, NULL)", [stream])
        load(module_database_urls, 0, HISTORY)
        for stream in STREAMS:
            connection.execute("SELECT number_stream(%s, 100000, NULL)", [stream])
        yield connection


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("stream", STREAMS)
def test_a_pass_reads_about_as_many_rows_as_it_numbers(
    stream: str, analyzed: bool, young: Connection[TupleRow], module_database_urls: DatabaseUrls
) -> None:
    if analyzed:
        young.execute("ANALYZE outbox, payment_audit_log, feed_positions, audit_positions, position_counters")
    base = HISTORY * (2 + 4 * analyzed + 2 * STREAMS.index(stream))
    load(module_database_urls, base, NEW)
    for most in (7, 100_000):  # with and without more to do
        with young.transaction():
            before = rows_read(young)
            row = young.execute("SELECT numbered FROM number_stream(%s, %s, NULL)", [stream, most]).fetchone()
            read = rows_read(young) - before
        assert row is not None
        assert row[0] >= NEW  # one transaction, taken whole; or what is left of other parameters' rows
        assert read <= ROWS_READ_FOR_EACH * row[0]
        if most == 7:
            load(module_database_urls, base + HISTORY, NEW)


def rows_read(connection: Connection[TupleRow]) -> int:
    """By this session; also in transactions that ended not long ago, so that differences count."""
    row = connection.execute(WORK.encode()).fetchone()
    assert row is not None
    return int(row[0])


def explained(connection: Connection[TupleRow], parameters: dict[str, Any]) -> list[dict[str, Any]]:
    statement = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {queries.load('feed.sql')['page']}"
    row = connection.execute(statement.encode(), parameters).fetchone()
    assert row is not None
    found: list[dict[str, Any]] = []
    waiting = [row[0][0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        found.append(node)
    return found


@pytest.mark.parametrize("after", [0, HISTORY // 6, HISTORY // 3 - 50])
def test_a_page_of_the_feed_reads_what_it_shows(after: int, young: Connection[TupleRow]) -> None:
    asked = {"org_id": "org1", "after": after, "until": after + 50, "limit": 50, "event_types": None}
    nodes = [node for node in explained(young, asked) if "Relation Name" in node and node["Actual Loops"]]
    assert {node["Node Type"] for node in nodes} <= {"Index Scan", "Index Only Scan"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes) <= 2 * 50 + 1
