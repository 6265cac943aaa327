"""`vendorpay worker`."""

from __future__ import annotations

import typer

from vendorpay.entrypoints.cli.options import DatabaseUrl, DataDir, settings_of


def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Run the background work alone: numbering events, telling subscribers, timers. For several machines.

    Any number of workers may run on one database, beside any number of `serve`: they share the work, and when one dies
    the others take over what it held. `serve` does the same work itself unless VENDORPAY_BACKGROUND=off.
    Prints one line on stdout when it works; logs are JSON lines on stderr. SIGTERM: finishes what it holds.

    Examples:

        vendorpay worker --database-url postgresql://vendorpay_owner@db.example/vendorpay

        vendorpay worker --data-dir .vendorpay
    """
    settings = settings_of(data_dir=data_dir, database_url=database_url)

    from vendorpay.entrypoints import background_process

    raise typer.Exit(background_process.work(settings))
