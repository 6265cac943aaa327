"""Requests as bytes: good ones of every operation, about things that exist, for mutations to start from."""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.api import examples
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS

KNOWN_MAX = 64
"""How many ids of one kind are remembered: the newest, so that most of what is asked about can still change."""

Pair = tuple[bytes, bytes]
Row = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One request, every part of it still to be spoilt."""

    method: bytes
    path: bytes
    query: bytes
    headers: tuple[Pair, ...]
    body: bytes

    def with_header(self, name: bytes, *values: bytes) -> Sent:
        """The request with this header and no other of its name; without it when there is no value."""
        others = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=(*others, *((name, value) for value in values)))

    def raw(self) -> bytes:
        """Its bytes on a line, with the length that the body really has unless it says another."""
        target = self.path + (b"?" + self.query if self.query else b"")
        names = {name for name, _ in self.headers}
        headers = (
            *(() if b"host" in names else ((b"host", b"localhost"),)),
            *self.headers,
            *(() if names & {b"content-length", b"transfer-encoding"} else ((b"content-length", _length(self.body)),)),
        )
        head = [b"%s %s HTTP/1.1" % (self.method, target), *(b"%s: %s" % pair for pair in headers)]
        return b"\r\n".join(head) + b"\r\n\r\n" + self.body


def _length(body: bytes) -> bytes:
    return str(len(body)).encode()


@dataclass
class Known:
    """Ids that answers have shown, and ETags, by the collection that they are in."""

    ids: dict[str, deque[str]] = field(default_factory=dict)

    def learn(self, path: bytes, body: bytes) -> None:
        """Remembers what a good answer has shown."""
        for name, value in re.findall(rb'"(paymentId|endpointId|quarantineId)":"([0-9a-f-]{36})"', body[:4096]):
            self.ids.setdefault(name.decode(), deque(maxlen=KNOWN_MAX)).append(value.decode())

    def one(self, name: str, chance: random.Random) -> str:
        """An id of that kind: mostly one that exists."""
        found = self.ids.get(name)
        return chance.choice(found) if found and chance.random() < 0.95 else str(new_uuid(chance))


def new_uuid(chance: random.Random) -> UUID:
    """A random id that the seed repeats."""
    return UUID(int=chance.getrandbits(128), version=4)


ID_OF_PATH = {"payments": "paymentId", "webhook-endpoints": "endpointId", "quarantine": "quarantineId"}


def good_request(operation: Operation, known: Known, chance: random.Random) -> Sent:
    """A request that is right, of an operation: its examples with ids of now."""
    body, kind = _body(operation, known, chance)
    headers = [(b"content-type", kind)] if kind else []
    if operation.if_match and (operation.if_match_required or chance.random() < 0.2):
        headers.append((b"if-match", chance.choice([b"*", b"*", b'"1"', b'"2"'])))
    if operation.body is not None and chance.random() < 0.3:
        headers.append((b"idempotency-key", str(new_uuid(chance)).encode()))
    query = "&".join(f"{name}={value}" for name, value in operation.query_examples.items() if chance.random() < 0.5)
    return Sent(operation.method.encode(), _path(operation, known, chance), query.encode(), tuple(headers), body)


def _path(operation: Operation, known: Known, chance: random.Random) -> bytes:
    found = re.search(r"([a-z-]+)/{id}", operation.path)
    name = ID_OF_PATH.get(found[1] if found else "", "other")
    return operation.path.replace("{id}", known.one(name, chance)).encode()


def _body(operation: Operation, known: Known, chance: random.Random) -> tuple[bytes, bytes]:
    if operation.body is None:
        return b"", b""
    value = fresh(chance.choice(list(operation.body.examples.values())), known, chance)
    if operation.body.read_lines is not None and isinstance(value, list) and chance.random() < 0.5:
        return b"\n".join(map(msgspec.json.encode, value)), b"application/x-ndjson"
    if not operation.body.required and chance.random() < 0.3:
        return b"", b""
    return msgspec.json.encode(value), b"application/json"


def fresh(value: Any, known: Known, chance: random.Random) -> Any:
    """A copy of an example about a job, an event and payments of its own, so that it is no duplicate."""
    text = msgspec.json.encode(value).decode()
    for old in (examples.INCIDENT_ID, examples.EVENT_ID):
        text = text.replace(old, str(new_uuid(chance)))
    while examples.PAYMENT_ID in text:
        text = text.replace(examples.PAYMENT_ID, known.one("paymentId", chance), 1)
    return msgspec.json.decode(text)


def requests(known: Known, chance: random.Random) -> Iterator[Sent]:
    """Good requests without an end, those that write more often than those that read."""
    weights = [4 if each.body is not None else 1 for each in OPERATIONS]
    while True:
        (operation,) = chance.choices(OPERATIONS, weights)
        yield good_request(operation, known, chance)
