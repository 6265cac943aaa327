"""`vendorpay payments import` of a file, against COPY of the same rows into the same tables by one connection."""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from bench import database, process_tree, statements
from bench.database import Loaded, say
from bench.load_generator import LINES
from bench.service import Service
from bench.statements import CREATOR, ORG_WRITTEN

COPY_SIZES: Final = (256, 1000)
"""Payments in one transaction: as many as the service writes together at most, and as the import sends together. The
better of the two is the limit."""
LOOK_S: Final = 0.02
RUN_S_MAX: Final = 900.0
"""An import that takes longer has failed."""
TABLES: Final = {
    "payments": "payment_id",
    "payment_line_items": "payment_id",
    "payment_audit_log": "subject_id",
    "outbox": "aggregate_id",
    "commands": "payment_id",
}
"""What a creation writes to, and the column that says of which payment a row is."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Medians of all rounds; the resident memory of the import for both sizes of file, at its highest."""

    per_s: float
    copy_per_s: float
    sizes: tuple[int, int]
    rss_mb: tuple[float, float]

    @property
    def ratio(self) -> float:
        return self.per_s / self.copy_per_s


def measure(home: Path, loaded: Loaded, service: Service, sizes: tuple[int, int], rounds: int) -> Imported:
    """The small file once, then the large one and COPY of as many rows as the small one, in turn."""
    token = service.token("dispatcher", CREATOR, ORG_WRITTEN)
    _, rss_small_mb = _import(home, service, token, sizes[0])
    per_s, copies, rss_mb = [], [], 0.0
    for number in range(1, rounds + 1):
        one, peak_mb = _import(home, service, token, sizes[1])
        database.settle(loaded)
        copied = max(_copy(loaded, sizes[0], together) for together in COPY_SIZES)
        database.settle(loaded)
        say(f"round {number} of {rounds}: import {one:.0f}/s, COPY {copied:.0f}/s, {peak_mb:.0f} MB")
        per_s.append(one)
        copies.append(copied)
        rss_mb = max(rss_mb, peak_mb)
    return Imported(
        per_s=statistics.median(per_s),
        copy_per_s=statistics.median(copies),
        sizes=sizes,
        rss_mb=(rss_small_mb, rss_mb),
    )


def _import(home: Path, service: Service, token: str, count: int) -> tuple[float, float]:
    """Payments a second, from the command's start to its end, and its peak memory in MB. Raises RuntimeError."""
    file = home / "import.jsonl"
    with file.open("w") as lines:
        for _ in range(count):
            lines.write(
                f'{{"incidentId":"{uuid4()}","vendorId":"{uuid4()}","payerType":"back_office","amountCents":28500,'
                f'"lineItems":{LINES},"metadata":{{"serviceType":"towing","duration":45}}}}\n'
            )
    argv = [sys.executable, "-m", "vendorpay", "payments", "import", str(file), "--restart", "--json"]
    argv += ["--url", f"http://127.0.0.1:{service.port}", "--token", token]
    with service.awake(), (home / "import.log").open("w+") as said:
        began = time.monotonic()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        peak_mb = _ended(process)
        took_s = time.monotonic() - began
        said.seek(0)
        words = said.read()
    summary = json.loads(words.splitlines()[-1]) if process.returncode == 0 else {}
    if summary.get("created") != count:
        raise RuntimeError(f"the import of {count} payments failed:\n{words[-2000:]}")
    return count / took_s, peak_mb


def _ended(process: subprocess.Popen[bytes]) -> float:
    """Waits for its end, and kills it when that does not come in time or we are stopped; its peak memory in MB.

    Read from /proc while it runs: what wait4 tells begins with the memory of us, who started it.
    """
    ended = os.pidfd_open(process.pid)
    deadline = time.monotonic() + RUN_S_MAX
    peak_mb = 0.0
    try:
        while not select.select([ended], [], [], LOOK_S)[0]:
            peak_mb = max(peak_mb, process_tree.peak_rss_mb(process.pid))
            if time.monotonic() > deadline:
                raise RuntimeError(f"the import has not ended within {RUN_S_MAX} s")
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        os.close(ended)
    process.wait()
    return peak_mb


def _copy(loaded: Loaded, count: int, together: int) -> float:
    """Payments a second, by COPY into temporary tables and one statement that moves them on, as all must come at once
    for the triggers; each transaction brings so many together."""
    with psycopg.connect(loaded.superuser_url) as connection:
        columns = {table: _columns(connection, table) for table in TABLES}
        chunks = _rows(connection, columns, count, together)
        for table, names in columns.items():
            emptied = f"CREATE TEMPORARY TABLE new_{table} ON COMMIT DELETE ROWS AS SELECT {names} FROM {table} LIMIT 0"
            connection.execute(emptied.encode())
        connection.commit()
        steps = [
            f"of_{table} AS (INSERT INTO {table} ({names}) SELECT {names} FROM new_{table})"
            for table, names in columns.items()
        ]
        move_on = f"WITH {', '.join(steps)} SELECT".encode()
        began = time.monotonic()
        for chunk in chunks:
            for table, data in chunk.items():
                with connection.cursor().copy(f"COPY new_{table} FROM STDIN".encode()) as copy:
                    copy.write(data)
            connection.execute(move_on)
            connection.commit()
        return count / (time.monotonic() - began)


def _columns(connection: psycopg.Connection[Any], table: str) -> str:
    """The columns of a table that a writer gives: not what is computed, nor the transaction's number."""
    asked = """SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
               WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
                     AND attname <> 'xid'"""
    row = connection.execute(asked, (table,)).fetchone()
    assert row is not None
    return str(row[0])


def _rows(
    connection: psycopg.Connection[Any], columns: dict[str, str], count: int, together: int
) -> Sequence[dict[str, bytes]]:
    """New payments as COPY takes them, table by table: written, read and rolled back."""
    connection.execute("SET LOCAL session_replication_role = replica")
    ms = int(time.time() * 1000)
    blocks = statements.load("load.sql")
    parameters = {"org_id": ORG_WRITTEN, "from_ms": ms, "step_ms": 0, "pending_every": 1, "vendors": 1000}
    parameters |= {"creator": CREATOR, "approver": CREATOR, "first": 0, "last": count - 1}
    connection.execute(blocks["payments"].replace("@with_record", blocks["with_record"]).encode(), parameters)
    chunks = []
    for first in range(0, count, together):
        ids = [UUID(f"{ms:012x}70008000{n:012x}") for n in (first, min(count, first + together) - 1)]
        chunk = {}
        for table, column in TABLES.items():
            asked = f"SELECT {columns[table]} FROM {table} WHERE {column} BETWEEN '{ids[0]}' AND '{ids[1]}'"
            with connection.cursor().copy(f"COPY ({asked}) TO STDOUT".encode()) as copy:
                chunk[table] = b"".join(map(bytes, copy))
        chunks.append(chunk)
    connection.rollback()
    return chunks
