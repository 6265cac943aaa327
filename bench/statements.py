"""The named statements of this folder's .sql files, as psycopg and pgbench take them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vendorpay.store import queries

CREATOR: Final = "10000000-0000-4000-8000-000000000001"
APPROVER: Final = "20000000-0000-4000-8000-000000000002"
ORG_READ: Final = "default"
"""Whose payments are loaded and read; nothing is added to them, so that every round reads the same."""
ORG_WRITTEN: Final = "bench"
"""Whose payments are created and approved."""
PAGE: Final = 50

_BLOCK: Final = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_VARIABLE: Final = re.compile(r"%\((\w+)\)s")
_FIRST: Final = "'00000000-0000-0000-0000-000000000000'::uuid"
_COLON_IN_TEXT: Final = re.compile(r"(?<!:):(?=\w)")


def load(file: str) -> dict[str, str]:
    """The blocks of one .sql file of this folder, by name."""
    parts = _BLOCK.split((Path(__file__).parent / file).read_text("utf-8"))[1:]
    return {name: _COMMENT.sub("", text).strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def create() -> str:
    """Creates a payment for vendor number %(vendor)s."""
    return load("statements.sql")["create"]


def approve() -> str:
    """Approves the payment whose id is %(prefix)s and %(i)s; fails when it cannot be approved."""
    return load("statements.sql")["approve"]


def get() -> str:
    """Reads payment number %(n)s of those loaded: as the service shows it, by the shortest way to one row."""
    whole = queries.load("payments.sql")["whole"]
    return (
        load("statements.sql")["get"].replace("@whole", whole).replace("@org_id", _text(ORG_READ)).replace("@id", _id())
    )


def pending() -> str:
    """Reads what the service reads for the first page of what waits for approval."""
    return _pending_after(_FIRST)


def pending_page() -> str:
    """The same for the page after payment number %(n)s of those loaded."""
    return _pending_after(_id())


def _pending_after(payment_id: str) -> str:
    # One more than the page shows: it says whether there is a next one.
    values = {"org_id": _text(ORG_READ), "after": payment_id, "limit": str(PAGE + 1), "offset": "0"}
    values |= {"scope_vendor_id": "NULL", "scope_payer_id": "NULL"}
    return _VARIABLE.sub(lambda found: values[found[1]], queries.load("payments.sql")["pending"])


def _id() -> str:
    return load("statements.sql")["id"]


def _text(value: str) -> str:
    return f"'{value}'"


def for_pgbench(statement: str) -> str:
    """The statement as a script: parameters become pgbench's variables, and colons in texts are none."""
    apart = _COLON_IN_TEXT.sub(":' || '", statement)
    return _VARIABLE.sub(r":\1", apart) + ";\n"
