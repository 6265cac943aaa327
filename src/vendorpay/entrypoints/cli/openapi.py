"""`vendorpay openapi`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vendorpay.entrypoints.cli.options import AsJson


def openapi(
    json: AsJson = True,
    indent: Annotated[int, typer.Option("--indent", min=0, max=8, help="0 prints one line.")] = 2,
) -> None:
    """Print the OpenAPI 3.1 document of the API.

    Example:

        vendorpay openapi > openapi.json
    """
    import msgspec

    from vendorpay.api import openapi as document
    from vendorpay.api.operations import OPERATIONS

    encoded = document.encoded(OPERATIONS)
    sys.stdout.buffer.write((msgspec.json.format(encoded, indent=indent) if indent else encoded) + b"\n")
    sys.stdout.flush()
