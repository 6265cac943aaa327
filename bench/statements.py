"""The named statements of this folder's .sql files, as psycopg and pgbench take them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

CREATOR: Final = "10000000-0000-4000-8000-000000000001"
APPROVER: Final = "20000000-0000-4000-8000-000000000002"
ORG_READ: Final = "default"
"""Whose payments are loaded and read; nothing is added to them, so that every round reads the same."""
ORG_WRITTEN: Final = "bench"
"""Whose payments are created and approved."""

_BLOCK: Final = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_VARIABLE: Final = re.compile(r"%\((\w+)\)s")
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
    """Reads payment number %(n)s of those loaded."""
    blocks = load("statements.sql")
    return blocks["get"].replace("@whole", blocks["whole"])


def pending() -> str:
    """Reads the first page of what waits for approval."""
    blocks = load("statements.sql")
    return blocks["pending"].replace("@whole", blocks["whole"])


def for_pgbench(statement: str) -> str:
    """The statement as a script: parameters become pgbench's variables, and colons in texts are none."""
    apart = _COLON_IN_TEXT.sub(":' || '", statement)
    return _VARIABLE.sub(r":\1", apart) + ";\n"
