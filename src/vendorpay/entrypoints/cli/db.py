"""`vendorpay db`: the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vendorpay.entrypoints.cli.checks import Faults, require_database
from vendorpay.entrypoints.cli.options import AsJson, DatabaseUrl, DataDir, database_settings_of
from vendorpay.entrypoints.cli.output import as_json

if TYPE_CHECKING:
    from vendorpay.entrypoints.database_urls import DatabaseUrls

app = typer.Typer(no_args_is_help=True, help="Migrate, look at and open the database.")


@app.command()
def migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: AsJson = False) -> None:
    """Run the migrations that have not run yet; `serve` does so by itself at its start.

    Example:

        vendorpay db migrate --data-dir .vendorpay
    """
    settings = database_settings_of(data_dir, database_url)

    import asyncio

    from vendorpay.entrypoints.database_home import bring_up_to_date, for_command
    from vendorpay.entrypoints.ids import system_now

    with for_command(settings) as home:
        ran = asyncio.run(bring_up_to_date(home.urls, now=system_now()))
    if json:
        as_json({"ran": ran})
    else:
        print("\n".join(f"ran {name}" for name in ran) or "Nothing to do: every migration has run already.")


@app.command()
def status(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: AsJson = False) -> None:
    """Show which migrations have run.

    Example:

        vendorpay db status --json
    """
    settings = database_settings_of(data_dir, database_url)
    require_database(settings, "look at")

    import asyncio

    from vendorpay.entrypoints.database_home import for_command
    from vendorpay.entrypoints.database_home import migrations_of as found_in

    with for_command(settings) as home:
        found = asyncio.run(found_in(home.urls))
    if json:
        as_json({"migrations": [{"name": each.name, "applied": each.applied} for each in found]})
        return
    for each in found:
        print(f"{'applied' if each.applied else 'to come':8} {each.name}")


@app.command()
def shell(
    role: Annotated[str | None, typer.Option("--role", help="app or readonly.  [default: readonly]")] = None,
    superuser: Annotated[
        bool, typer.Option("--superuser", help="As who rules the database; with --database-url: as the URL's own role.")
    ] = False,
    command: Annotated[str | None, typer.Option("--command", metavar="SQL", help="Run this and end.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Open psql on the database, also while `serve` runs. The exit code is psql's.

    Examples:

        vendorpay db shell --command "SELECT status, count(*) FROM payments GROUP BY 1"

        vendorpay db shell --superuser
    """
    faults = Faults()
    if role not in {None, "app", "readonly"}:
        faults.add(f"--role must be app or readonly, not {role!r}.")
    if role is not None and superuser:
        faults.add("--role and --superuser exclude each other.")
    settings = faults.settings(lambda: database_settings_of(data_dir, database_url))
    faults.end()
    require_database(settings, "open")

    import asyncio

    from vendorpay.entrypoints import psql
    from vendorpay.entrypoints.database_home import bring_up_to_date, for_command
    from vendorpay.entrypoints.ids import system_now

    with for_command(settings) as home:
        if home.owned is not None:
            asyncio.run(bring_up_to_date(home.urls, now=system_now()))
        code = psql.run(_url(home.urls, role, superuser=superuser), home.bin_dir, command)
    raise typer.Exit(code)


def _url(urls: DatabaseUrls, role: str | None, *, superuser: bool) -> str:
    if superuser:
        return urls.superuser or urls.owner
    return urls.app if role == "app" else urls.readonly
