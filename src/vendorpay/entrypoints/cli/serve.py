"""`vendorpay serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from vendorpay.entrypoints.cli.options import DatabaseUrl, DataDir, settings_of


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Where to listen.  [default: 127.0.0.1]")] = None,
    port: Annotated[str | None, typer.Option("--port", help="0 takes any free one.  [default: 8080]")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    workers: Annotated[str | None, typer.Option("--workers", help="Processes that answer.  [default: 1]")] = None,
) -> None:
    """Run the service: API and background work, with an embedded PostgreSQL unless a database is given.

    Prints one line on stdout when it answers; logs are JSON lines on stderr. SIGTERM: finishes what it holds.
    Each option has a variable, as VENDORPAY_PORT; docs/operations.md lists them and the settings without an option.

    Examples:

        vendorpay serve

        vendorpay serve --port 9000 --data-dir /var/lib/vendorpay --workers 2
    """
    settings = settings_of(host=host, port=port, data_dir=data_dir, database_url=database_url, workers=workers)

    from vendorpay.entrypoints import server

    raise typer.Exit(server.serve(settings))
