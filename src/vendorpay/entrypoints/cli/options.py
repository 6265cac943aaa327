"""Options that several commands share, so that they are called and explained alike everywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from vendorpay.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the embedded PostgreSQL and the local issuer live.  [default: .vendorpay]"),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="A PostgreSQL of your own, instead of the embedded one. Better given as VENDORPAY_DATABASE_URL, "
        "which no list of processes shows.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", envvar="VENDORPAY_URL", help="Where the service answers."),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="JWT",
        envvar="VENDORPAY_TOKEN",
        show_envvar=True,
        help="Who is asking: a token of `vendorpay token`, or of your issuer.",
    ),
]
DEFAULT_URL = "http://127.0.0.1:8080"
PAGE_MAX: Final = 200
Limit = Annotated[str, typer.Option("--limit", help=f"How many at most, 1 to {PAGE_MAX}.")]
DEFAULT_LIMIT: Final = "50"
Cursor = Annotated[str | None, typer.Option("--cursor", help="Go on where an earlier list ended.")]
ReasonCode = Annotated[
    str,
    typer.Option(
        "--reason-code",
        help="verified_with_vendor, verified_photos, known_pattern, duplicate, inflated, not_performed or other.",
    ),
]
Notes = Annotated[str | None, typer.Option("--notes", help="What else is to be said, for the record.")]


def settings_of(**overrides: object) -> Settings:
    """The settings of the environment with a command's options before them. Raises SettingsError."""
    return Settings.read(os.environ, overrides)


def database_settings_of(data_dir: Path | None, database_url: str | None) -> Settings:
    """The same for a command that works on one database, which the more explicit of the two names.

    A data directory that was named goes before a URL that only stands in the environment. Raises SettingsError.
    """
    environ = dict(os.environ)
    if data_dir is not None and database_url is None:
        environ.pop("VENDORPAY_DATABASE_URL", None)
    return Settings.read(environ, {"data_dir": data_dir, "database_url": database_url})
