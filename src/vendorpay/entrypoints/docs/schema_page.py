"""docs/schema.md: the migrated schema, as a real database describes it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.docs.tables import GENERATED, table
from vendorpay.store.catalog import describe
from vendorpay.store.migrate import migrate


def schema() -> str:
    """Migrates an empty database and writes down what is in it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres.start(Path(folder), fsync=False) as postgres,
    ):
        found = asyncio.run(_described(postgres.superuser_url()))
    sections = "\n".join(map(_section, found))
    return (
        f"{GENERATED}# The schema\n\nEvery rule has a name; `store/constraints.py` turns the names into errors. "
        f"Partitions are not shown: they are as their tables.\n\n{sections}"
    )


async def _described(url: str) -> list[dict[str, Any]]:
    await migrate(url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
        return await describe(connection)


def _section(found: dict[str, Any]) -> str:
    title = f"## {found['name']} ({found['kind']})\n\n"
    partitions = f"Partitioned by {found['partitioned_by']}.\n\n" if found["partitioned_by"] else ""
    columns = table(
        ["column", "type", ""],
        ([row["name"], row["type"], "not null" if row["required"] else ""] for row in found["columns"]),
    )
    named = [
        table([head, ""], ([f"`{row['name']}`", f"`{row['definition']}`"] for row in found[section]))
        for section, head in (("rules", "rule"), ("indexes", "index"), ("triggers", "trigger"))
        if found[section]
    ]
    grants = table(["role", "may"], ([row["role"], row["may"]] for row in found["grants"]))
    return title + partitions + "\n".join([columns, *named, grants])
