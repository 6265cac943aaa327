"""Rows as array literals for `unnest`: built here and passed as text, the fastest way in that was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any


def literal(values: Iterable[Any]) -> str:
    """A one-dimensional array literal of text, numbers, UUIDs, times, bytes and None."""
    return "{" + ",".join(map(_element, values)) + "}"


def columns(prefix: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Mapping[str, str]:
    """Parameters `<prefix>.<name>`, one array per column, from rows whose values stand in the order of `names`."""
    by_column = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {f"{prefix}.{name}": literal(column) for name, column in zip(names, by_column, strict=True)}


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    return str(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
