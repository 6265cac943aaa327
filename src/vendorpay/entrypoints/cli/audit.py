"""`vendorpay audit`: whether the record of what happened is still what was written, and proof of it for later."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from vendorpay.entrypoints.cli.checks import Faults, require_database
from vendorpay.entrypoints.cli.failures import NO_ANSWER, NOT_MIGRATED, CommandFailed, WrongUsage
from vendorpay.entrypoints.cli.options import AsJson, DatabaseUrl, DataDir, database_settings_of

if TYPE_CHECKING:
    from vendorpay.entrypoints.database_home import DatabaseHome
    from vendorpay.usecases.verify_audit import AuditReport

MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

app = typer.Typer(no_args_is_help=True, help="Verify the audit log, and write checkpoints of it.")


@app.callback()
def audit() -> None:
    """Verify the audit log, and write checkpoints of it."""


@app.command()
def verify(
    payment: Annotated[
        str | None, typer.Option("--payment", metavar="ID", help="This payment's entries alone.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="FILE|DIR", help="Compare with checkpoints that were kept elsewhere."),
    ] = None,
    archived: Annotated[
        list[str] | None,
        typer.Option("--archived", metavar="YYYY-MM", help="This month's partitions were moved away. May be repeated."),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: AsJson = False,
) -> None:
    """Check every audit entry against its hash chain, also while `serve` runs. Exit code 1 when tampered.

    With --checkpoint also a superuser who rewrote whole chains is found out, up to the newest checkpoint.

    Examples:

        vendorpay audit verify

        vendorpay audit verify --checkpoint /mnt/elsewhere/checkpoints

        vendorpay audit verify --payment 0190a1b2-0000-7000-8000-000000000001 --json
    """
    faults = Faults()
    wanted = faults.uuid("--payment", payment)
    months = _months(faults, archived or [])
    if checkpoint is not None and not checkpoint.exists():
        faults.add(f"--checkpoint must be a file or folder that exists, not {checkpoint}.")
    settings = faults.settings(lambda: database_settings_of(data_dir, database_url))
    faults.end()

    import asyncio

    from vendorpay.entrypoints.cli import audit_reports
    from vendorpay.entrypoints.database_home import for_command

    require_database(settings, "verify")
    with for_command(settings) as home:
        report = asyncio.run(_verified(home, wanted, checkpoint, months))
    if payment is not None and not report.chains and report.checkpoints.broken == 0:
        raise CommandFailed(f"There is no payment {payment} here, and no audit entry of one. Check the id.")
    audit_reports.verified(report, json=json)
    raise typer.Exit(0 if report.clean else 1)


@app.command("checkpoint")
def write_checkpoint(
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE|DIR", help="A folder (a file for each) or a file (a line for each)."),
    ] = None,
    to_command: Annotated[
        str | None,
        typer.Option("--to-command", metavar="CMD", help="A shell command; gets each one on its standard input."),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: AsJson = False,
) -> None:
    """Sign what the audit log is now, for keeping it off the machine; also while `serve` runs.

    Covers what no checkpoint covers yet, then hands over everything that the folder, file or command lacks. A path that
    is a folder, or ends with a slash, is a folder. A command finds the name checkpoint-N.json in CHECKPOINT_FILE; when
    it ends with another exit code than 0, so does this, with 1, and it is handed the same again the next time.
    Without --out and --to-command the new checkpoints are printed, one line each.

    Examples:

        vendorpay audit checkpoint --out /mnt/elsewhere/checkpoints/

        vendorpay audit checkpoint --to-command 'sh keep_checkpoint.sh bucket'
    """
    faults = Faults()
    if out is not None and to_command is not None:
        faults.add("--out and --to-command exclude each other.")
    if "" in (out, to_command):
        faults.add("--out and --to-command must not be empty.")
    settings = faults.settings(lambda: database_settings_of(data_dir, database_url))
    faults.end()

    import asyncio

    from vendorpay.domain.checkpoint import NotShipped
    from vendorpay.entrypoints.cli import checkpoint_run
    from vendorpay.entrypoints.database_home import for_command

    require_database(settings, "take checkpoints of")
    with for_command(settings) as home:
        try:
            asyncio.run(checkpoint_run.run(home, out, to_command, json=json))
        except NotShipped as error:
            raise CommandFailed(str(error)) from error


def _months(faults: Faults, texts: list[str]) -> frozenset[str]:
    for month in texts:
        if not MONTH.fullmatch(month):
            faults.add(f"--archived must be a month like 2026-01, not {month[:40]!r}.")
    return frozenset(texts)


async def _verified(
    home: DatabaseHome, payment: UUID | None, checkpoint: Path | None, archived: frozenset[str]
) -> AuditReport:
    import psycopg
    from rich.console import Console
    from rich.progress import Progress

    from vendorpay.adapters.checkpoint_reading import documents_in
    from vendorpay.domain.checkpoint import NotACheckpoint
    from vendorpay.domain.errors import DatabaseUnavailable
    from vendorpay.entrypoints.database_home import bring_up_to_date
    from vendorpay.entrypoints.ids import system_now
    from vendorpay.store.db import Database
    from vendorpay.usecases import verify_audit

    if home.owned is not None:
        await bring_up_to_date(home.urls, now=system_now())
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks = {what: shown.add_task(what, total=None) for what in ("chains", "positions")}
        # As the role that may read and nothing else.
        async with Database.open(home.urls.readonly, pool_size=1) as database:
            try:
                return await verify_audit.verify(
                    database,
                    payment,
                    lambda what, done, total: shown.update(tasks[what], completed=done, total=total),
                    documents=() if checkpoint is None else documents_in(checkpoint),
                    archived=archived,
                )
            except psycopg.errors.UndefinedTable as error:
                raise CommandFailed(NOT_MIGRATED) from error
            except NotACheckpoint as error:
                raise WrongUsage(f"--checkpoint: {error}.") from error
            except DatabaseUnavailable as error:
                raise CommandFailed(NO_ANSWER) from error
