"""One run of `vendorpay audit checkpoint`: make what is new, and hand it to where the command line says."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from vendorpay.adapters.checkpoint_command import CheckpointCommand
from vendorpay.adapters.checkpoint_file import CheckpointFile
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.entrypoints.cli import audit_reports
from vendorpay.entrypoints.cli.failures import NO_ANSWER, NOT_MIGRATED, CommandFailed
from vendorpay.entrypoints.database_home import DatabaseHome, bring_up_to_date
from vendorpay.entrypoints.ids import system_now
from vendorpay.store.db import Database
from vendorpay.usecases import write_checkpoint

if TYPE_CHECKING:
    from vendorpay.domain.checkpoint import Checkpoint
    from vendorpay.ports import CheckpointDestination

MADE_MAX: Final = 1_000_000


async def run(home: DatabaseHome, out: str | None, to_command: str | None, *, json: bool) -> None:
    """Raises NotShipped, or CommandFailed when the database does not answer."""
    if home.owned is not None:
        await bring_up_to_date(home.urls, now=system_now())
    try:
        async with Database.open(home.urls.app, pool_size=2) as database:
            if out is None and to_command is None:
                await _print(database, await write_checkpoint.make(database, system_now, most=MADE_MAX))
                return
            with ExitStack() as until_handed:
                destination = _destination(out, to_command, until_handed)
                made, handed = await write_checkpoint.make_and_hand_over(
                    database, destination, system_now, most=MADE_MAX, told=_counted()
                )
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as error:
        raise CommandFailed(NOT_MIGRATED) from error
    except (DatabaseUnavailable, Overloaded) as error:
        raise CommandFailed(NO_ANSWER) from error
    audit_reports.written(made, handed, json=json)


async def _print(database: Database, made: list[Checkpoint]) -> None:
    if not made:
        print("Nothing is new since the last checkpoint.", file=sys.stderr)
        return
    async for document in write_checkpoint.documents(database, range(made[0].number, made[-1].number + 1)):
        sys.stdout.buffer.write(document.text())
        sys.stdout.buffer.flush()


def _destination(out: str | None, to_command: str | None, until_handed: ExitStack) -> CheckpointDestination:
    if out is None:
        return CheckpointCommand(to_command or "", os.environ)
    if out.endswith("/") or Path(out).is_dir():
        return CheckpointFolder(Path(out))
    file = CheckpointFile(Path(out))
    until_handed.callback(file.close)
    return file


def _counted() -> write_checkpoint.Told:
    """Long work shows how far it is, on terminals only."""
    if not sys.stderr.isatty():
        return lambda number: None
    return lambda number: print(f"\rcheckpoint {number}", end="", file=sys.stderr, flush=True)
