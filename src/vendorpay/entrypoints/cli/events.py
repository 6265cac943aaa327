"""`vendorpay events`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import as_json

if TYPE_CHECKING:
    from vendorpay.entrypoints.cli.publishing import Tally

app = typer.Typer(no_args_is_help=True, help="Publish events, and follow ours.")
ERRORS_SHOWN_MAX = 20
POSITION_MAX = 10**15  # what the service takes


@app.callback()
def events() -> None:
    """Publish events, and follow ours."""


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="One event a line, as JSON.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
    concurrency: Annotated[
        str, typer.Option("--concurrency", help="Batches under way, 1 to 32; above 1 the order may change.")
    ] = "1",
) -> None:
    """Send a file of events to the service. Exit code 0 when nothing was rejected, else 1.

    Safe to repeat: what arrived before is counted as duplicate. With --json the last line of stdout is
    {"accepted": n, "duplicate": n, "rejected": n, "errors": [{"line", "reason"}]}.

    Example:

        vendorpay events publish examples/work_completed.jsonl --url http://127.0.0.1:8080 --token "$TOKEN"
    """
    faults = Faults()
    if not file.exists() or file.is_dir():
        faults.add(f"FILE.jsonl: {str(file)!r} {'is a directory' if file.is_dir() else 'does not exist'}.")
    batches_under_way = faults.whole("--concurrency", concurrency, 1, 32)
    faults.address(url, token)
    faults.end()

    from vendorpay.entrypoints.cli.publishing import Tally

    tally = Tally()
    failure: CommandFailed | None = None
    try:
        with file.open("rb") as source:
            _publish(source, url, token, batches_under_way, tally)
    except CommandFailed as error:
        failure = error
    _print(tally, json=json)
    if failure is not None:
        raise failure
    raise typer.Exit(1 if tally.rejected else 0)


@app.command()
def tail(
    after: Annotated[str, typer.Option("--after", metavar="POSITION", help="Begin after this one.")] = "0",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens next, until Ctrl-C.")] = False,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only these, for example PaymentApproved.")
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Print the organisation's events in the order of their positions: what happened, one a line.

    With --json each line is the event's envelope. A gap in the positions is said, with exit code 1.

    Example:

        vendorpay events tail --follow --token "$TOKEN"
    """
    faults = Faults()
    begin = faults.whole("--after", after, 0, POSITION_MAX)
    faults.address(url, token)
    faults.end()

    from contextlib import suppress

    with suppress(KeyboardInterrupt):
        _tail(url, token, begin, follow, event_type, json)


def _tail(url: str, token: str | None, after: int, follow: bool, event_type: str | None, json: bool) -> None:
    from vendorpay.client import Problem
    from vendorpay.entrypoints.cli.asked_service import service
    from vendorpay.entrypoints.cli.tailing import tail as show

    try:
        with service(url, token) as client:
            show(client, after, follow=follow, event_type=event_type, as_json=json)
    except CommandFailed as failed:
        cause = failed.__cause__
        if isinstance(cause, Problem) and cause.status == 400:  # only the service knows every type of event
            raise WrongUsage(str(cause)) from cause
        raise


def _publish(source: BinaryIO, url: str, token: str | None, concurrency: int, tally: Tally) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from vendorpay.entrypoints.cli.asked_service import service
    from vendorpay.entrypoints.cli.event_lines import Batch, batches
    from vendorpay.entrypoints.cli.publishing import publish as send

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with service(url, token) as client:
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
            size = os.fstat(source.fileno()).st_size
            task = shown.add_task("publishing (bytes)", total=size or None)  # A pipe has no size.

            def progress(batch: Batch) -> None:
                shown.update(task, completed=batch.end)

            send(client, batches(source), tally, concurrency=concurrency, progress=progress)


def _print(tally: Tally, *, json: bool) -> None:
    if json:
        as_json(tally.as_dict())
        return
    print(f"accepted {tally.accepted}, duplicate {tally.duplicate}, rejected {tally.rejected}")
    for error in tally.in_order()[:ERRORS_SHOWN_MAX]:
        print(f"line {error['line']}: {error['reason']}", file=sys.stderr)
    if len(tally.errors) > ERRORS_SHOWN_MAX:
        print(f".. and {len(tally.errors) - ERRORS_SHOWN_MAX} more; --json lists all of them", file=sys.stderr)
