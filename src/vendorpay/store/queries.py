"""Named queries: each .sql file of this folder holds blocks that begin with `-- name: <name>`.

`@name` in a block stands for another block of the file, or of one of SHARED.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

_BLOCK = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n?", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+(?:\.\w+)?)\)s")
_FRAGMENT = re.compile(r"@(\w+)")
POSITIONAL_MAX = 512
SHARED = ("payments.sql", "webhooks.sql", "policies.sql", "delegations.sql", "fraud_settings.sql")
"""Files whose fragments others use; no name of the one is a fragment of the other."""


@cache
def load(file: str) -> dict[str, str]:
    """The blocks of one file, by name, with their fragments put in; fragments that are no block are left for later."""
    own = _blocks(file)
    known = {name: text for shared in SHARED for name, text in _blocks(shared).items()} | own
    return {name: _filled(text, known) for name, text in own.items()}


@lru_cache(maxsize=POSITIONAL_MAX)
def positional(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """A statement with `%(name)s` as PostgreSQL takes it, with $1, $2.., and the names in that order.

    psycopg would do the same, at every execution for a statement as long as ours.
    """
    names: dict[str, int] = {}
    text = _PARAMETER.sub(lambda found: f"${names.setdefault(found[1], len(names) + 1)}", statement)
    return text.replace("%%", "%").encode(), tuple(names)


def _filled(text: str, known: dict[str, str]) -> str:
    return _FRAGMENT.sub(lambda found: _filled(known[found[1]], known) if found[1] in known else found[0], text)


@cache
def _blocks(file: str) -> dict[str, str]:
    text = Path(__file__).with_name(file).read_text("utf-8")
    parts = _BLOCK.split(text)[1:]
    return {
        name: _COMMENT.sub("", block).strip().rstrip(";") for name, block in zip(parts[::2], parts[1::2], strict=True)
    }
