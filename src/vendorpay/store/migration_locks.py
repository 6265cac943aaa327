"""The locks that a migration needs, taken before its first statement, so that no caller is ever in a deadlock with it.

PostgreSQL ends whoever first finds out that he waits in a circle, a second (deadlock_timeout) after he began to wait.
A caller who has waited for a migration for most of that second finds the circle at once when the migration closes it;
so a timeout, however short, only makes that rarer. What never happens is that a migration waits while somebody may
wait for it:

1. The tables that its text names are locked first, one after the other. The first is waited for, and nothing is held
   meanwhile. The others are not: where one is in use everything is given back, and the next attempt waits for that one.
2. They are locked at once as strongly as they will be needed: who wants more of what he holds waits for its readers.
   EXCLUSIVE also keeps out who locks rows first and writes later, as the write path does.
3. What the text locks without naming it (what a function of ours writes to, the other table of a foreign key that it
   drops) it finds free, or everything is given back as well: UNFORESEEN_WAIT is the least there is.

Views are left to 3: LOCK TABLE would lock what stands behind them. So are tables that are only granted on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from vendorpay.store.scripts import run_script

FIRST_WAIT: Final = "2s"
"""For the first table: longer than deadlock_timeout, after which PostgreSQL calls off an autovacuum that is in the way,
and shorter than what a caller behind us may wait (5 s, roles.sql)."""
UNFORESEEN_WAIT: Final = "1ms"

_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_FUNCTION_BODY: Final = re.compile(r"\bAS\s+(\$\w*\$).*?\1", re.DOTALL | re.IGNORECASE)
_NO_LOCK: Final = re.compile(r"\s*(GRANT|REVOKE)\b", re.IGNORECASE)
_SHUTS_OUT_READERS: Final = re.compile(
    r"\b(ALTER|DROP|TRUNCATE(?!\s+ON)|REINDEX|PARTITION\s+OF|ACCESS\s+EXCLUSIVE)\b", re.IGNORECASE
)

_TABLES = """
SELECT c.relname, t.relname
FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
JOIN pg_class named ON named.oid = coalesce(i.indrelid, c.oid)
CROSS JOIN LATERAL (SELECT named.oid AS relid, 0 AS level
                    UNION SELECT p.relid, p.level FROM pg_partition_tree(named.oid) p) AS tree
JOIN pg_class t ON t.oid = tree.relid
WHERE c.relname = ANY(%s) AND c.relnamespace = current_schema()::regnamespace AND named.relkind IN ('r', 'p')
ORDER BY c.relname, tree.level, t.relname"""


class TableLock(NamedTuple):
    """One table, or one partition of it, and whether those who only read are shut out too."""

    table: str
    readers_too: bool

    @property
    def mode(self) -> str:
        """PostgreSQL's name for it."""
        return "ACCESS EXCLUSIVE" if self.readers_too else "EXCLUSIVE"


async def wanted_locks(connection: psycopg.AsyncConnection[Any], text: str) -> list[TableLock]:
    """What a text needs of the tables that are there by now: those it names (or an index of) outside of functions."""
    named: dict[str, bool] = {}
    for words, readers_too in _statements(text):
        for word in words:
            named[word] = named.get(word, False) or readers_too
    found: dict[str, bool] = {}
    for word, table in await (await connection.execute(_TABLES, (sorted(named),))).fetchall():
        found[table] = found.get(table, False) or named[word]
    return [TableLock(table, readers_too) for table, readers_too in found.items()]


async def take_locks(connection: psycopg.AsyncConnection[Any], wanted: Sequence[TableLock]) -> None:
    """Takes them in a transaction of the caller's, waiting for none but the first.

    What follows in that transaction does not wait either. Raises StatementFailed for LockNotAvailable; its `number` is
    the lock's, from 1.
    """
    statements = [
        sql.SQL("LOCK TABLE ONLY {} IN {} MODE{}").format(
            sql.Identifier(lock.table), sql.SQL(lock.mode), sql.SQL(" NOWAIT" if number else "")
        )
        for number, lock in enumerate(wanted)
    ]
    await connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(FIRST_WAIT))
    if statements:
        await run_script(connection, sql.SQL(";").join(statements).as_string(connection))
    await connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(UNFORESEEN_WAIT))


def _statements(text: str) -> Iterator[tuple[set[str], bool]]:
    """The words of each statement, without comments and functions, and whether it may shut out readers."""
    for statement in _FUNCTION_BODY.sub("", _COMMENT.sub("", text)).split(";"):
        if not _NO_LOCK.match(statement):
            yield set(re.findall(r"\w+", statement.lower())), _SHUTS_OUT_READERS.search(statement) is not None
