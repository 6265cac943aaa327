"""The command `vendorpay`: one file per group; what a command needs is imported when it runs, so that help is quick."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from vendorpay import __version__
from vendorpay.entrypoints.cli import audit, db, delegations, events, failures, fraud, payments, policies
from vendorpay.entrypoints.cli.demo import demo
from vendorpay.entrypoints.cli.openapi import openapi
from vendorpay.entrypoints.cli.serve import serve
from vendorpay.entrypoints.cli.token import token
from vendorpay.entrypoints.cli.worker import worker

# Without typer's own tracebacks: they can print local variables, and among these are tokens and passwords.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,  # rich's markdown and its lexers would double the time of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(worker)
app.command()(token)
app.add_typer(events.app, name="events")
app.add_typer(payments.app, name="payments")
app.add_typer(audit.app, name="audit")
app.add_typer(fraud.app, name="fraud")
app.add_typer(policies.app, name="policies")
app.add_typer(delegations.app, name="delegations")
app.add_typer(db.app, name="db")
app.command()(openapi)
app.command()(demo)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"vendorpay {__version__}")
        raise typer.Exit


@app.callback()
def vendorpay(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Completed work in, an approved, explained vendor payment out.

    Start with: vendorpay serve
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and ends the process: 0 done, 1 not done, 2 wrong usage or settings."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="vendorpay")
    except Exception as error:
        sys.exit(failures.report(error))
    sys.exit(0)


if __name__ == "__main__":
    main()
