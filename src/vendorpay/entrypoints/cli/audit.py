"""`vendorpay audit`: whether the record of what happened is still what was written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage
from vendorpay.entrypoints.cli.options import AsJson, DatabaseUrl, DataDir, database_settings_of
from vendorpay.entrypoints.cli.output import as_json

if TYPE_CHECKING:
    from vendorpay.entrypoints.database_home import DatabaseHome
    from vendorpay.usecases.verify_audit import AuditReport

app = typer.Typer(no_args_is_help=True, help="Verify the audit log.")


@app.callback()
def audit() -> None:
    """Verify the audit log."""


@app.command()
def verify(
    payment: Annotated[
        str | None, typer.Option("--payment", metavar="ID", help="This payment's entries alone.")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: AsJson = False,
) -> None:
    """Check every audit entry against its hash chain, also while `serve` runs. Exit code 1 when tampered.

    Examples:

        vendorpay audit verify

        vendorpay audit verify --payment 0190a1b2-0000-7000-8000-000000000001 --json
    """
    faults = Faults()
    wanted = faults.uuid("--payment", payment)
    settings = faults.settings(lambda: database_settings_of(data_dir, database_url))
    faults.end()

    import asyncio

    from vendorpay.entrypoints.database_home import exists, for_command

    if not exists(settings):
        # A new one would verify, and whoever mistyped the directory would believe that theirs did.
        raise WrongUsage(f"There is no database in {settings.data_dir}: name the one to verify with --data-dir.")
    with for_command(settings) as home:
        report = asyncio.run(_verified(home, wanted))
    if payment is not None and not report.chains:
        raise CommandFailed(f"There is no payment {payment} here, and no audit entry of one. Check the id.")
    _print(report, json=json)
    raise typer.Exit(0 if report.clean else 1)


async def _verified(home: DatabaseHome, payment: UUID | None) -> AuditReport:
    from rich.console import Console
    from rich.progress import Progress

    from vendorpay.domain.errors import DatabaseUnavailable
    from vendorpay.entrypoints.database_home import bring_up_to_date
    from vendorpay.entrypoints.ids import system_now
    from vendorpay.store.db import Database
    from vendorpay.usecases import verify_audit

    if home.owned is not None:
        await bring_up_to_date(home.urls, now=system_now())
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("chains", total=None)
        # As the role that may read and nothing else.
        async with Database.open(home.urls.readonly, pool_size=1) as database:
            try:
                return await verify_audit.verify(
                    database, payment, lambda done, total: shown.update(task, completed=done, total=total)
                )
            except DatabaseUnavailable as error:
                raise CommandFailed("The database does not answer. Check --database-url, or try again.") from error


def _print(report: AuditReport, *, json: bool) -> None:
    if json:
        import msgspec

        as_json({**msgspec.to_builtins(report), "clean": report.clean})
        return
    print(f"chains {report.chains}, entries {report.entries}, erased texts {report.erased}, broken {report.broken}")
    for fault in report.faults:
        entry = "the payment's row" if fault.seq is None else f"entry {fault.seq} (logId {fault.log_id})"
        print(f"TAMPERED: payment {fault.subject_id}, {entry}: {fault.what}", file=sys.stderr)
    print("The audit log is as it was written." if report.clean else "The audit log was tampered with.")
