"""A file of SQL, sent to the server as one text: which of its statements failed is told, and no row is quoted."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus


class StatementFailed(Exception):
    """A statement of a file failed; `number` counts from 1, `error` is the server's own, which may quote rows."""

    def __init__(self, number: int, error: psycopg.Error) -> None:
        self.number = number
        self.error = error
        super().__init__(f"its statement {number} failed: {named(error)}")


def named(error: psycopg.Error) -> str:
    """What failed, by the names that the schema and SQL have for it. Its message is left out: it may quote a row."""
    kind = type(error).__name__
    concerned = {
        "constraint": error.diag.constraint_name,
        "table": error.diag.table_name,
        "column": error.diag.column_name,
    }
    parts = [f"SQLSTATE {error.sqlstate} ({kind})" if error.sqlstate else kind]
    return ", ".join(parts + [f"{what} {name}" for what, name in concerned.items() if name])


async def run_script(connection: psycopg.AsyncConnection[Any], text: str) -> None:
    """Runs every statement of a text that has no parameters.

    Raises StatementFailed, and psycopg.OperationalError when the connection breaks.
    """
    # A cursor says only that one of them failed; the protocol has a result for each until then.
    async with connection.lock:
        connection.pgconn.send_query(text.encode())
        results = await connection.wait(execute(connection.pgconn))
    if results and results[-1].status == ExecStatus.FATAL_ERROR:
        error = error_from_result(results[-1])
        raise StatementFailed(len(results), error) from error
