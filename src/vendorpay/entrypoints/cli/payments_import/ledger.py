"""What became of each payment of the file: counted, and written down where it was rejected; in the file's order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from vendorpay.client import Outcome, ProblemDetail
from vendorpay.entrypoints.cli.payments_import.chunks import AnyChunk, Lines
from vendorpay.entrypoints.cli.payments_import.csv_body import lines_of
from vendorpay.entrypoints.cli.payments_import.records import Fault, Record
from vendorpay.entrypoints.cli.payments_import.source import Source
from vendorpay.entrypoints.cli.payments_import.state import State, save

CREATED: Final = 201
DUPLICATE: Final = "duplicate_payment"
NOTHING_SAID: Final = ProblemDetail()


class Ledger:
    """The state of an import with its two files."""

    def __init__(self, state: State, path: Path, source: Source) -> None:
        self.state = state
        self._path = path
        self._errors = Path(state.errors)
        self._source = source

    def open(self) -> None:
        """Makes both files agree: what was written of a chunk that the state does not know yet is written again.

        Raises OSError when one of them cannot be written, before anything is sent.
        """
        size = self._errors.stat().st_size if self._errors.exists() else 0
        if size > self.state.errors_bytes:
            os.truncate(self._errors, self.state.errors_bytes)
        self.state.errors_bytes = min(size, self.state.errors_bytes)  # shorter when somebody has taken it away
        save(self.state, self._path)

    def settle(self, chunk: AnyChunk, results: Sequence[Outcome]) -> None:
        """Counts a chunk, the next in the file's order; from here on it is not sent again."""
        self._source.must_be_as_it_was()
        self._append(list(self._counted(chunk, results)))
        self.state.moved_to(chunk.after)
        save(self.state, self._path)

    def finish(self) -> None:
        """Notes that there is nothing left."""
        self.state.finished = True
        save(self.state, self._path)

    def _counted(self, chunk: AnyChunk, results: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
        """The lines for the file of errors."""
        totals = self.state.totals
        if isinstance(chunk, Lines) and all(result.status == CREATED for result in results):
            totals.created += len(results)
            totals.replayed += sum(result.replayed for result in results)
            return
        coming = iter(results)
        for record in chunk.records:
            if record.body is None:
                totals.rejected += 1
                yield _row(record, record.faults, code="invalid_row", reason="The file is wrong about this payment.")
                continue
            result = next(coming)
            problem = result.problem or NOTHING_SAID
            if result.status == CREATED:
                totals.created += 1
                totals.replayed += result.replayed
            elif problem.code == DUPLICATE:
                totals.duplicate += 1
            else:
                totals.rejected += 1
                said = lines_of([Fault(each.field, each.message) for each in problem.errors], record.item_lines)
                yield _row(record, said, code=problem.code, reason=problem.detail, status=result.status)

    def _append(self, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        with self._errors.open("ab") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
            self.state.errors_bytes = file.tell()


def _row(
    record: Record, faults: Sequence[Fault], *, code: str, reason: str, status: int | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {"line": record.first_line}
    if record.last_line != record.first_line:
        row["lastLine"] = record.last_line
    if record.name:
        row["payment"] = record.name
    if status is not None:
        row["status"] = status
    row |= {"code": code, "reason": reason}
    if faults:
        row["errors"] = [
            {"field": fault.field, "message": fault.message} | ({"line": fault.line} if fault.line else {})
            for fault in faults
        ]
    return row
