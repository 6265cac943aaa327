"""What can happen to a request's bytes: each mutation takes a request and chance, and spoils one thing, or nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from tests.fuzz import oddities as odd
from tests.fuzz.conversation import Sent

Mutation = Callable[[Sent, random.Random], Sent]

_NUMBER = re.compile(rb"(?<=[:\[,])-?\d+")
_STRING = re.compile(rb'"[^"\\]*"(?!\s*:)')
_PAIR = re.compile(rb'"[^"\\]*":(?:"[^"\\]*"|-?\d+|true|null)')


def flip_a_bit(sent: Sent, chance: random.Random) -> Sent:
    at = chance.randrange(len(sent.body)) if sent.body else 0
    flipped = bytes([sent.body[at] ^ (1 << chance.randrange(8))]) if sent.body else b"\x01"
    return replace(sent, body=sent.body[:at] + flipped + sent.body[at + 1 :])


def cut_short(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, body=sent.body[: chance.randrange(len(sent.body) + 1)])


def leave_out(sent: Sent, chance: random.Random) -> Sent:
    start, end = _span(sent.body, chance)
    return replace(sent, body=sent.body[:start] + sent.body[end:])


def repeat_a_piece(sent: Sent, chance: random.Random) -> Sent:
    start, end = _span(sent.body, chance)
    return replace(sent, body=sent.body[:end] + sent.body[start:end] * chance.randrange(1, 50) + sent.body[end:])


def insert_a_character(sent: Sent, chance: random.Random) -> Sent:
    at = chance.randrange(len(sent.body) + 1)
    piece = chance.choice(odd.CHARACTERS)
    return replace(sent, body=sent.body[:at] + piece + sent.body[at:])


def put_another_value(sent: Sent, chance: random.Random) -> Sent:
    return _replaced(sent, chance.choice((_NUMBER, _STRING)), lambda _: chance.choice(odd.VALUES), chance)


def put_another_number(sent: Sent, chance: random.Random) -> Sent:
    return _replaced(sent, _NUMBER, lambda _: chance.choice(odd.NUMBERS), chance)


def put_another_string(sent: Sent, chance: random.Random) -> Sent:
    return _replaced(sent, _STRING, lambda _: chance.choice(odd.STRINGS), chance)


def repeat_a_key(sent: Sent, chance: random.Random) -> Sent:
    return _replaced(sent, _PAIR, lambda pair: pair + b"," + pair, chance)


def misspell_a_key(sent: Sent, chance: random.Random) -> Sent:
    return _replaced(sent, _PAIR, lambda pair: pair[:1] + chance.choice((b"X", b"\\u0000", b"")) + pair[2:], chance)


def add_unknown_keys(sent: Sent, chance: random.Random) -> Sent:
    many = b"".join(b'"k%d":1,' % n for n in range(chance.choice((1, 10, 1000))))
    return replace(sent, body=sent.body.replace(b"{", b"{" + many, 1))


def nest_deeply(sent: Sent, chance: random.Random) -> Sent:
    deep = chance.choice((17, 200, 2_000, 20_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"[" * 7 + b'{"a":', b"}" + b"]" * 7)))
    value = opening * deep + b"1" + closing * chance.choice((0, deep, deep))
    return _replaced(sent, chance.choice((_NUMBER, _STRING)), lambda _: value, chance)


def change_a_part(sent: Sent, chance: random.Random) -> Sent:
    """Anywhere in the value, something of another type: what the parser reads well and the rules must refuse."""
    try:
        value = msgspec.json.decode(sent.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return sent
    return replace(sent, body=msgspec.json.encode(_changed(value, chance)))


def write_in_another_encoding(sent: Sent, chance: random.Random) -> Sent:
    text = sent.body.decode("utf-8", "replace")
    return replace(sent, body=text.encode(chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig"))))


def send_another_body(sent: Sent, chance: random.Random) -> Sent:
    return replace(
        sent, body=chance.choice((b"", b"null", b"7", b'"x"', b"[]", b"{}", b"[[]]", b"\x00", chance.randbytes(64)))
    )


def send_much(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, body=sent.body + b" " * chance.choice((1_000, 262_144, 300_000)))


def another_kind(sent: Sent, chance: random.Random) -> Sent:
    values = [chance.choice(odd.KINDS) for _ in range(chance.choice((0, 1, 1, 1, 2)))]
    return sent.with_header(b"content-type", *values)


def an_odd_header(sent: Sent, chance: random.Random) -> Sent:
    values = [chance.choice(odd.TEXTS) for _ in range(chance.choice((1, 1, 2, 40)))]
    return sent.with_header(chance.choice(odd.NAMES), *values)


def another_length(sent: Sent, chance: random.Random) -> Sent:
    return sent.with_header(b"content-length", *[chance.choice(odd.LENGTHS) for _ in range(chance.choice((1, 1, 2)))])


def another_method(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, method=chance.choice(odd.METHODS))


def another_path(sent: Sent, chance: random.Random) -> Sent:
    at = chance.randrange(1, len(sent.path) + 1)
    skip = chance.choice((0, 0, 1))
    return replace(sent, path=sent.path[:at] + chance.choice(odd.PATH_PIECES) + sent.path[at + skip :])


def another_query(sent: Sent, chance: random.Random) -> Sent:
    return replace(sent, query=b"&".join(filter(None, (sent.query, chance.choice(odd.QUERY_PIECES)))))


OF_BODIES: tuple[Mutation, ...] = (
    *(flip_a_bit, flip_a_bit, cut_short, leave_out, repeat_a_piece, insert_a_character, put_another_value),
    *(put_another_number, put_another_string, repeat_a_key, misspell_a_key, add_unknown_keys, nest_deeply),
    *(change_a_part, change_a_part, change_a_part, write_in_another_encoding, send_another_body, send_much),
)
OF_HEADS: tuple[Mutation, ...] = (
    *(another_kind, an_odd_header, another_length, another_method, another_path, another_query),
)
UNTOUCHED = 0.15
"""How many requests stay good: what is refused changes nothing, and then there is nothing to be half written."""


def mutated(sent: Sent, chance: random.Random) -> Sent:
    """The request after none to three mutations, those of its body more likely than those of its head."""
    if chance.random() < UNTOUCHED:
        return sent
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        sent = chance.choice(OF_BODIES if sent.body and chance.random() < 0.75 else OF_HEADS)(sent, chance)
    return sent


def _span(body: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(body) + 1)
    return start, min(len(body), start + chance.choice((1, 2, 8, 64)))


def _replaced(sent: Sent, pattern: re.Pattern[bytes], by: Callable[[bytes], bytes], chance: random.Random) -> Sent:
    places = list(pattern.finditer(sent.body))
    if not places:
        return sent
    place = chance.choice(places)
    return replace(sent, body=sent.body[: place.start()] + by(place[0]) + sent.body[place.end() :])


def _changed(value: Any, chance: random.Random) -> Any:
    places: list[Any] = list(value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0))
    if not places or chance.random() < 0.15:
        return chance.choice((None, True, -1, 0, 1, 2**53, 12.5, "", "x", [], {}, [value], {"a": value}, 10**13))
    place = chance.choice(places)
    if chance.random() < 0.15:
        del value[place]
    else:
        value[place] = _changed(value[place], chance)
    return value
