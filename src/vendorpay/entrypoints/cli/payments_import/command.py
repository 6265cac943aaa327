"""The command's options, what they are checked for, and its summary."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vendorpay.entrypoints.cli.payments_import.beginning import Wish
    from vendorpay.entrypoints.cli.payments_import.chunks import AnyChunk
    from vendorpay.entrypoints.cli.payments_import.ledger import Ledger
    from vendorpay.entrypoints.cli.payments_import.source import Source
    from vendorpay.entrypoints.cli.payments_import.state import State

FORMATS = ("csv", "jsonl")
HELP = """\
Create the payments of a file. Exit code 0 when none was rejected, else 1; duplicates are none.

Cut off at any moment, the same command goes on where it was, and its totals are exact: FILE.import.json says how
far it came. Nothing is created twice.

A .jsonl file has one payment a line, as POST /payments takes it. A .csv file has a header with these columns, in
any order: payment, incidentId, vendorId, payerType, payerId, amountCents, currency, reference, metadata (JSON),
description, quantity, unitPriceCents. Each row is a line item; consecutive rows with the same `payment` (any name
of your own) are one payment, a row without one is a payment of its own. A blank amountCents is the sum of the
lines. docs/import.md says more.

With --json the last line of stdout is {"created", "replayed", "duplicate", "rejected", "lines",
"resumedFromLine", "errorsFile", "stateFile"}.

Example:

    vendorpay payments import payments.csv --url http://127.0.0.1:8080 --token "$TOKEN"
"""


def import_payments(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .csv or .jsonl file; not stdin.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
    format_: Annotated[
        str | None, typer.Option("--format", help="csv or jsonl, where FILE's name does not say.")
    ] = None,
    chunk: Annotated[
        str | None, typer.Option("--chunk", help="Payments a request, 1 to 10000.  [default: 1000]")
    ] = None,
    state: Annotated[Path | None, typer.Option("--state", help="[default: FILE.import.json]")] = None,
    errors: Annotated[
        Path | None, typer.Option("--errors", help="What was rejected, and why.  [default: FILE.errors.jsonl]")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, whatever was done before.")] = False,
) -> None:
    """`HELP` is what it says of itself."""
    path = Path(file)
    kind = format_ or path.suffix.removeprefix(".").lower()
    state_path = state or path.with_name(f"{path.name}.import.json")
    errors_usual = path.with_name(f"{path.name}.errors.jsonl")
    faults = _faults(path, kind, named=format_ is not None, others={state_path, errors or errors_usual})
    items_max = None if chunk is None else faults.whole("--chunk", chunk, 1, 10_000)
    faults.address(url, token)
    faults.end()

    from vendorpay.entrypoints.cli.payments_import.beginning import Wish
    from vendorpay.entrypoints.cli.payments_import.source import opened

    wish = Wish(
        file=path,
        format=kind,
        url=url,
        token=token or "",
        chunk=items_max,
        errors=errors,
        errors_usual=errors_usual,
    )
    with opened(path) as source:
        begun = _begun(source, wish, state_path, restart=restart)
        resumed_from = begun.line
        failure = _import(source, begun, state_path, wish)
    _print(begun, state_path, resumed_from, json=json)
    if failure is not None:
        raise failure
    raise typer.Exit(1 if begun.totals.rejected else 0)


def _faults(path: Path, kind: str, *, named: bool, others: set[Path]) -> Faults:
    """What is wrong with the files."""
    from vendorpay.entrypoints.cli.payments_import.source import fault_of

    faults = Faults()
    if fault := fault_of(path):
        faults.add(fault)
    if kind not in FORMATS:
        faults.add("--format must be csv or jsonl." if named else f"{str(path)!r} is no .csv and no .jsonl: --format.")
    if len({each.absolute() for each in (path, *others)}) < 3:
        faults.add(f"{str(path)!r}, --state and --errors must be three files.")
    return faults


def _begun(source: Source, wish: Wish, state_path: Path, *, restart: bool) -> State:
    from vendorpay.entrypoints.cli.payments_import.beginning import state_of

    state = state_of(wish, source.sha256, state_path, restart=restart)
    if state.finished:
        print("vendorpay: the import was finished before; --restart sends it all again.", file=sys.stderr)
    elif state.line > 1:
        print(f"vendorpay: going on at line {state.line}.", file=sys.stderr)
    return state


def _import(source: Source, state: State, state_path: Path, wish: Wish) -> CommandFailed | None:
    """Imports what is left; the failure that ended it, None at the file's end."""
    from vendorpay.entrypoints.cli.payments_import.ledger import Ledger

    found = _chunks(source, state)
    ledger = Ledger(state, state_path, source)
    ledger.open()
    try:
        _send(found, ledger, source.size, wish)
    except CommandFailed as error:
        return error
    ledger.finish()
    return None


def _chunks(source: Source, state: State) -> Iterator[AnyChunk]:
    from vendorpay.entrypoints.cli.payments_import import csv_header, csv_payments, json_lines
    from vendorpay.entrypoints.cli.payments_import.chunks import chunks

    if state.format == "jsonl":
        return json_lines.chunks(source.file, state.position, state.chunk)
    source.file.seek(0)
    try:
        columns, start = csv_header.read(source.file, str(source.path))
    except ValueError as error:
        raise WrongUsage(*str(error).splitlines()) from None
    if state.offset == 0:
        state.moved_to(start)
    return chunks(csv_payments.records(source.file, columns, state.position), state.chunk)


def _send(found: Iterator[AnyChunk], ledger: Ledger, size: int, wish: Wish) -> None:
    from vendorpay.entrypoints.cli.asked_service import service
    from vendorpay.entrypoints.cli.payments_import.progress import repeated, shown
    from vendorpay.entrypoints.cli.payments_import.sending import PATIENCE, send_all

    with (
        service(wish.url, wish.token, patience=PATIENCE) as client,
        shown(ledger.state, size) as progress,
        repeated(progress),
    ):
        send_all(client, found, ledger, progress)


def _print(state: State, state_path: Path, resumed_from: int, *, json: bool) -> None:
    totals = state.totals
    if json:
        as_json(
            {
                "created": totals.created,
                "replayed": totals.replayed,
                "duplicate": totals.duplicate,
                "rejected": totals.rejected,
                "lines": state.line - 1,
                "resumedFromLine": resumed_from,
                "errorsFile": state.errors,
                "stateFile": str(state_path),
            }
        )
        return
    print(f"created {totals.created}, duplicate {totals.duplicate}, rejected {totals.rejected}; {state.line - 1} lines")
    if totals.rejected:
        print(f"What was rejected, and why: {state.errors}", file=sys.stderr)
