"""From the query string of a URL to the type that an operation names, naming every wrong parameter at once."""

from __future__ import annotations

import re
import types
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec

from vendorpay.domain import parsing
from vendorpay.domain.errors import FieldFault

T = TypeVar("T", bound=msgspec.Struct)

_INTEGER: Final = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z", re.ASCII)
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Unreadable(ValueError):
    """Text of a URL that is not percent-encoded UTF-8, or holds a character that may not be there."""


def parse(raw: bytes, shape: type[T], rules: parsing.Rules) -> tuple[T | None, list[FieldFault]]:
    """The parameters in `raw`, or None and everything that is wrong with them."""
    if not raw:
        return shape(), []
    known = _are_integers(shape)
    values: dict[str, Any] = {}
    faults: list[FieldFault] = []
    for name, value, fault in map(_pair, filter(None, raw.split(b"&"))):
        if fault is not None:
            faults.append(FieldFault(name, fault))
        elif name not in known:
            faults.append(FieldFault(name, "is not a known query parameter"))
        elif name in values:
            faults.append(FieldFault(name, "is given more than once"))
        elif known[name] and not _INTEGER.match(value):
            faults.append(FieldFault(name, "must be an integer"))
        else:
            values[name] = int(value) if known[name] else value
    parsed, found = parsing.convert(values, shape, rules)
    faults += found
    return (None, faults) if faults else (parsed, [])


def _pair(part: bytes) -> tuple[str, str, str | None]:
    """Name, value, and what is wrong with them."""
    raw_name, _, raw_value = part.partition(b"=")
    try:
        name = _decoded(raw_name)
    except Unreadable as error:
        return "query", "", f"holds a parameter name that {error}"
    try:
        return name, _decoded(raw_value), None
    except Unreadable as error:
        return name, "", str(error)


def _decoded(raw: bytes) -> str:
    """Text without its percent-encoding. Raises Unreadable."""
    if _BROKEN_ESCAPE.search(raw):
        raise Unreadable("has a % that is not followed by two hexadecimal digits")
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    if "\x00" in text:
        raise Unreadable("contains the character U+0000")
    return text


@cache
def _are_integers(shape: type[msgspec.Struct]) -> dict[str, bool]:
    return {field.encode_name: _is_integer(field.type) for field in msgspec.structs.fields(shape)}


def _is_integer(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is Annotated:
        return _is_integer(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return any(map(_is_integer, get_args(kind)))
    return kind is int
