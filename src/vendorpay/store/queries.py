"""Named queries: each .sql file of this folder holds blocks that begin with `-- name: <name>`.

`@name` in a block stands for another block of the file, or of one of SHARED.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_BLOCK = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n?", re.MULTILINE)
_FRAGMENT = re.compile(r"@(\w+)")
SHARED = ("payments.sql", "webhooks.sql")
"""Files whose fragments others use; no name of the one is a fragment of the other."""


@cache
def load(file: str) -> dict[str, str]:
    """The blocks of one file, by name, with their fragments put in; fragments that are no block are left for later."""
    own = _blocks(file)
    known = {name: text for shared in SHARED for name, text in _blocks(shared).items()} | own
    return {name: _filled(text, known) for name, text in own.items()}


def _filled(text: str, known: dict[str, str]) -> str:
    return _FRAGMENT.sub(lambda found: _filled(known[found[1]], known) if found[1] in known else found[0], text)


@cache
def _blocks(file: str) -> dict[str, str]:
    text = (resources.files("vendorpay.store") / file).read_text("utf-8")
    parts = _BLOCK.split(text)[1:]
    return {
        name: _COMMENT.sub("", block).strip().rstrip(";") for name, block in zip(parts[::2], parts[1::2], strict=True)
    }
