"""What the catalog says of the schema, which docs/schema.md is made of."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.database import DatabaseUrls
from vendorpay.store.catalog import describe


@pytest.mark.anyio
async def test_the_description_of_the_schema_is_the_same_in_every_month(module_database_urls: DatabaseUrls) -> None:
    url = module_database_urls.owner
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
        found = await describe(connection)
        answer = await connection.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        partitions = [row["relname"] for row in await answer.fetchall()]
    assert partitions
    described = json.dumps(found)
    assert [name for name in partitions if name in described] == []
    rules = {table["name"]: [rule["name"] for rule in table["rules"]] for table in found}
    assert [name for name in rules["approvals"] if "fkey" in name] == ["approvals_payment_fkey"]
