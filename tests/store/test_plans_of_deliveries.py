"""What is asked of deliveries reads what it answers, also of those that were sent again, or never arrived."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls
from vendorpay.store import queries

MANY, LIMIT = 15_000, 50
REPLAYED, FAILING = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
LOAD = """
INSERT INTO subscriptions (subscription_id, kind, name, org_id, shards, created_at)
SELECT s.id, 'webhook', s.id::text, 'roadcall', 1, now()
FROM (VALUES (%(replayed)s::uuid), (%(failing)s::uuid)) AS s (id);
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, state, due_at, created_at, settled_at)
SELECT uuid7_of(now() - interval '40 days'), %(replayed)s, 0, 'roadcall', n, gen_random_uuid(), 1, gen_random_uuid(),
       'PaymentCreated', 'delivered', now(), now() - interval '40 days', now() FROM generate_series(1, %(many)s) AS n;
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, state, due_at, created_at, settled_at)
SELECT uuid7_of(now()), %(failing)s, 0, 'roadcall', n, gen_random_uuid(), 1, gen_random_uuid(), 'PaymentCreated',
       CASE WHEN n %% 1000 = 0 THEN 'dead' ELSE 'pending' END, now() + interval '1 hour', now(),
       CASE WHEN n %% 1000 = 0 THEN now() END FROM generate_series(1, %(many)s) AS n
"""
LOG = {"org_id": "roadcall", "before": LAST, "limit": LIMIT, "attempts": 10}
WAITING = {"org_id": "roadcall", "endpoint_id": FAILING}
RETENTION = {"kind": "webhook", "days": 30, "most": 1000}
ALL = ["pending", "delivered", "dead", "cancelled"]
ASKED: list[tuple[str, str, dict[str, Any]]] = [
    *(
        ("webhooks.sql", "deliveries", {**LOG, "endpoint_id": endpoint, "states": states})
        for endpoint in (REPLAYED, FAILING)
        for states in (ALL, *([one] for one in ALL))
    ),
    ("webhooks.sql", "waiting_after", WAITING),
    ("upkeep.sql", "delete_deliveries", RETENTION),
]


@pytest.fixture(scope="module", params=[False, True], ids=["young", "analyzed"])
def history(request: pytest.FixtureRequest, module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    """An endpoint whose old deliveries were all sent once more, and one that hardly anything was delivered to."""
    with psycopg.connect(module_database_urls.superuser, autocommit=True) as superuser:
        if not request.param:
            superuser.execute("SET session_replication_role = replica")
            with psycopg.ClientCursor(superuser) as cursor:
                cursor.execute(LOAD.encode(), {"replayed": REPLAYED, "failing": FAILING, "many": MANY})
        else:
            superuser.execute("ANALYZE deliveries, subscriptions")
    with psycopg.connect(module_database_urls.app, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(("file", "name", "parameters"), ASKED)
def test_it_reads_what_it_answers(
    file: str, name: str, parameters: dict[str, Any], history: Connection[TupleRow]
) -> None:
    statement = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {queries.load(file)[name]}"
    row = history.execute(statement.encode(), parameters).fetchone()
    assert row is not None
    nodes, waiting = [], [row[0][0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        nodes.append(node)
    read = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes
        if node.get("Relation Name") == "deliveries"
    )
    assert read <= LIMIT * len(ALL), nodes
