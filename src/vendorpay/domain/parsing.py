"""From bytes to values, naming every wrong field at once.

msgspec stops at the first fault; so the fast way decodes straight into the type, and only when that fails the
value is walked field by field and all faults are gathered. The type is the single description of what may come.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import islice
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from vendorpay.domain.errors import FieldFault, MalformedJson

T = TypeVar("T")
Rules = Callable[[Mapping[str, Any]], list[FieldFault]]
"""Checks across fields: gets the top-level fields that are right by themselves, by their Python names."""

FAULTS_MAX: Final = 1_000
"""How many faults are named, and how many elements of a wrong list are looked into: a body may hold millions."""
VALUE_CHARACTERS_MAX: Final = 300
KEY_SHOWN_MAX: Final = 100


def decode(raw: bytes) -> Any:
    """Any JSON value. Raises MalformedJson for what is not JSON in UTF-8, or nested beyond all reason."""
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise MalformedJson(reason="it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedJson(reason=str(error)) from None


def parse(raw: bytes, shape: type[T], rules: Rules, most: int = FAULTS_MAX) -> tuple[T | None, list[FieldFault]]:
    """The value of `shape` in `raw`, or None and its faults, at most `most` of them.

    Raises MalformedJson, also for an object that has a key twice: the two could mean different money.
    """
    found = _parsed(raw, shape, rules, most)
    refuse_repeated_keys(raw)
    return found


def refuse_repeated_keys(raw: bytes) -> None:
    """Passes when no object in this JSON has a key twice; else raises MalformedJson."""
    try:
        _UNIQUE.decode(raw.decode("utf-8"))
    except RecursionError:
        raise MalformedJson(reason="it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise MalformedJson(reason=f"the key {name[:KEY_SHOWN_MAX]!r} comes twice in one object")
        seen.add(name)


# Only the keys matter here: what follows from the values was read, and refused where it had to be, before.
_UNIQUE: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _parsed(raw: bytes, shape: type[T], rules: Rules, most: int) -> tuple[T | None, list[FieldFault]]:
    try:
        value = msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return convert(decode(raw), shape, rules, most)
    faults = rules({name: getattr(value, name) for name in shape.__struct_fields__})  # type: ignore[attr-defined]
    return (None, faults) if faults else (value, [])


def convert(data: Any, shape: type[T], rules: Rules, most: int = FAULTS_MAX) -> tuple[T | None, list[FieldFault]]:
    """The same for a value that is decoded already."""
    if not isinstance(data, dict):
        return None, [FieldFault("$", "must be a JSON object")]
    values: dict[str, Any] = {}
    faults: list[FieldFault] = []
    for field in _fields(shape):  # type: ignore[arg-type]
        if field.encode_name not in data:
            if field.required:
                faults.append(FieldFault(field.encode_name, "is required"))
            else:
                values[field.name] = _default(field)
            continue
        found = list(islice(_faults(data[field.encode_name], field.type, field.encode_name), most))
        faults.extend(found)
        if not found:
            values[field.name] = msgspec.convert(data[field.encode_name], field.type)
    faults.extend(islice(_unknown(data, shape, ""), most))
    faults.extend(rules(values))
    return (None, faults[:most]) if faults else (shape(**values), [])


@cache  # it reads the type's annotations each time, and is asked for each element of a wrong list
def _fields(shape: type) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(shape)


def _shown(name: str) -> str:
    return name if len(name) <= KEY_SHOWN_MAX else f"{name[:KEY_SHOWN_MAX]}.."


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _unknown(data: Mapping[str, Any], shape: type, prefix: str) -> Iterator[FieldFault]:
    if shape.__struct_config__.forbid_unknown_fields:  # type: ignore[attr-defined]
        known = set(shape.__struct_encode_fields__)  # type: ignore[attr-defined]
        yield from (FieldFault(f"{prefix}{_shown(name)}", "is not a known field") for name in data if name not in known)


def _faults(value: Any, kind: Any, path: str) -> Iterator[FieldFault]:
    """The faults of one value: those of its fields and elements, each on its own line, else its own."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        within = _faults_within(value, kind, path)
        yield next(within, FieldFault(path, _allowed(kind) or _in_words(str(error))))
        yield from within


def _faults_within(value: Any, kind: Any, path: str) -> Iterator[FieldFault]:
    inner = _struct_in(kind)
    if inner is not None and isinstance(value, dict):
        for field in _fields(inner):
            if field.encode_name in value:
                yield from _faults(value[field.encode_name], field.type, f"{path}.{field.encode_name}")
            elif field.required:
                yield FieldFault(f"{path}.{field.encode_name}", "is required")
        yield from _unknown(value, inner, f"{path}.")
    element = _element_in(kind)
    if element is not None and isinstance(value, list):
        for n, item in enumerate(value[:FAULTS_MAX]):
            yield from _faults(item, element, f"{path}[{n}]")
    named = _named_in(kind)
    if named is not None and isinstance(value, dict):
        for name, item in islice(value.items(), FAULTS_MAX):
            yield from _faults(item, named, f"{path}.{_shown(name)}")


def _struct_in(kind: Any) -> type | None:
    """The struct that a type means: itself, or the one among `Struct | None | UNSET`."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for part in get_args(kind) if (found := _struct_in(part))), None)
    return None


def _element_in(kind: Any) -> Any | None:
    """What a list holds, through Annotated and optional types; None when the type is no list."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _element_in(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return next((found for part in get_args(kind) if (found := _element_in(part)) is not None), None)
    if origin in (list, tuple, Sequence):
        return get_args(kind)[0]
    return None


def _named_in(kind: Any) -> Any | None:
    """What an object with names of its own holds; None when the type is no such one."""
    if get_origin(kind) is Annotated:
        return _named_in(get_args(kind)[0])
    return get_args(kind)[1] if get_origin(kind) in (dict, Mapping) else None


def _allowed(kind: Any) -> str:
    """What a closed set holds, through Annotated and optional types; nothing when the type is none."""
    values = _members(kind)
    return f"is not one of: {', '.join(values)}" if values else ""


def _members(kind: Any) -> tuple[str, ...]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(member.value) for member in kind)
    origin = get_origin(kind)
    if origin is Annotated:
        return _members(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return next(filter(None, map(_members, get_args(kind))), ())
    return ()


_WORDS = (
    ("Invalid enum value", "is not one of the allowed values"),  # too many to be named, like currencies
    ("matching regex", "contains a character that is not allowed"),
    ("Invalid UUID", "must be a UUID"),
    ("Invalid RFC3339", "must be an RFC 3339 time with its zone"),
    ("Expected `datetime` with a timezone", "must be an RFC 3339 time with its zone"),
)

_TYPES = (
    ("`str`", "a string"),
    ("`int`", "an integer"),
    ("`float`", "a number with a fraction or exponent"),
    ("`array`", "an array"),
    ("`object`", "an object"),
    ("`bool`", "a boolean"),
    ("`null`", "null"),
)


def _in_words(message: str) -> str:
    """msgspec's sentence as one that finishes "<field> ..": without its path, types called as JSON calls them."""
    message = message.split(" - at `")[0][:VALUE_CHARACTERS_MAX]
    for start, words in _WORDS:
        if start in message:
            return words
    for found, name in _TYPES:
        message = message.replace(found, name)
    return message[:1].lower() + message[1:]
