"""Options that several commands share, so that they are called and explained alike everywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

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


def settings_of(**overrides: object) -> Settings:
    """The settings of the environment with a command's options before them. Raises SettingsError.

    A data directory that was named wins over a database URL that only stands in the environment.
    """
    environ = dict(os.environ)
    if overrides.get("data_dir") is not None and overrides.get("database_url") is None:
        environ.pop("VENDORPAY_DATABASE_URL", None)
    return Settings.read(environ, overrides)
