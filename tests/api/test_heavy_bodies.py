"""Bodies made to be costly: whatever one caller sends, the others are answered, and the answer stays small."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import pytest

from tests.api.asking import JSON, Answered, Caller
from tests.faults.dying import SOAK
from vendorpay.api import examples
from vendorpay.api.operation import BULK_BYTES_MAX

pytestmark = pytest.mark.anyio

LINES = {"content-type": "application/x-ndjson"}
STALL_S_MAX = 2.0
"""In seconds of CPU. Generous: a tenth of it was seen; what is held against it took half a minute."""
ANSWER_BYTES_MAX = 8 * 1024 * 1024
EACH = 3 * 1024 * 1024


def filled(start: bytes, piece: bytes, end: bytes, size: int = BULK_BYTES_MAX) -> bytes:
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


def repeated(item: bytes, between: bytes, most: int, size: int = EACH) -> list[bytes]:
    return [item] * min(most, size // (len(item) + len(between)))


EMPTY_LINES = b'{"lineItems":[' + b",".join([b"{}"] * 1_000) + b"]}"
UNKNOWN = msgspec.json.encode({f"k{n}": 1 for n in range(1_000)})
LONG_KEYS = msgspec.json.encode({f"{n}{'k' * 1_000}": 1 for n in range(100)})
NESTED = b'{"metadata":[' + b"[]," * 20_000 + b"1]}"
NOT_QUITE = b'{"metadata":[' + b"[]," * 20_000 + b"NaN]}"
CHARGES = b'{"detail-type":1,"detail":{"pricing":{"additionalCharges":[' + b",".join([b"{}"] * 1_000) + b"]}}}"
MANY_LINES = msgspec.json.encode(
    {
        **examples.NEW_PAYMENT,
        "incidentId": "@",
        "amountCents": 200,
        "lineItems": [{"description": "x", "quantity": 1, "unitPriceCents": 1}] * 200,
    }
)

BULK_BODIES = {
    "empty lines": (filled(b"", b"\n", b""), LINES),
    "blanks": (filled(b"[", b" ", b"]"), JSON),
    "a list of lists": (filled(b"[[", b"[],", b"1]]"), JSON),
    "a list of lists of lists": (filled(b"[[", b"[[]],", b"1]]"), JSON),
    "an object of many objects": (filled(b'[{"a":[', b"{},", b"1]}]"), JSON),
    "a list that never ends": (filled(b"[[", b"[],", b""), JSON),
    "strings": (filled(b"[[", b'"\\"",', b"1]]"), JSON),
    "more lines than are taken": (filled(b"", b"{}\n", b""), LINES),
    "more elements than are taken": (filled(b"[", b"{},", b"{}]"), JSON),
    "payments of a thousand wrong lines": (b"\n".join(repeated(EMPTY_LINES, b"\n", 10_000)), LINES),
    "payments of a thousand unknown fields": (b"\n".join(repeated(UNKNOWN, b"\n", 10_000)), LINES),
    "unknown fields of long names": (b"\n".join(repeated(LONG_KEYS, b"\n", 10_000)), LINES),
    "elements of many lists": (b"[" + b",".join(repeated(NESTED, b",", 10_000)) + b"]", JSON),
    "elements that are not quite JSON": (b"[" + b",".join(repeated(NOT_QUITE, b",", 10_000)) + b"]", JSON),
    "ten thousand of nothing": (b"\n".join([b"{}"] * 10_000), LINES),
}
EVENT_BODIES = {
    "an event of many lists": filled(b'{"a":[', b"[],", b"1]}"),
    "events of many lists": b"[" + b",".join(repeated(b'{"a":[' + b"[]," * 100_000 + b"1]}", b",", 9)) + b"]",
    "events of a thousand wrong charges": b"["
    + b",".join(b'{"id":%d,' % n + one[1:] for n, one in enumerate(repeated(CHARGES, b",", 1_000)))
    + b"]",
    "blanks": filled(b"[", b" ", b"]"),
}


class Stall:
    seconds = 0.0


@contextmanager
def longest_stall() -> Iterator[Stall]:
    """The longest work of the loop in which nobody else would have been answered.

    Counted in seconds of CPU of the loop's own thread: on a busy machine others' work would count, too.
    """
    found = Stall()

    async def look() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            found.seconds = max(found.seconds, time.thread_time() - before)

    looking = asyncio.create_task(look())
    try:
        yield found
    finally:
        looking.cancel()


async def ask(
    caller: Caller, target: str, body: bytes, headers: dict[str, str], most: int = ANSWER_BYTES_MAX
) -> Answered:
    with longest_stall() as stall:
        await asyncio.sleep(0)
        began = time.thread_time()
        answer = await caller.ask("POST", target, body=body, headers=headers)
        took = time.thread_time() - began
        await asyncio.sleep(0.01)
    sizes = f"{len(body)} bytes: {answer.status} {len(answer.body)} bytes"
    print(f"{target} {sizes}, {took:.2f} s of CPU, {stall.seconds:.2f} s of it at a stretch")
    assert stall.seconds < STALL_S_MAX
    assert len(answer.body) < most
    return answer


@pytest.mark.parametrize("name", BULK_BODIES if SOAK else ("elements of many lists", "ten thousand of nothing"))
async def test_a_costly_bulk_request_holds_nobody_up(service: Caller, name: str) -> None:
    body, headers = BULK_BODIES[name]
    answer = await ask(service, "/payments/bulk", body, headers)
    assert answer.status in (200, 400)


@pytest.mark.parametrize("name", EVENT_BODIES if SOAK else ("events of a thousand wrong charges", "blanks"))
async def test_costly_events_hold_nobody_up(service: Caller, name: str) -> None:
    answer = await ask(service, "/events", EVENT_BODIES[name], JSON)
    assert answer.status == 202


async def test_payments_of_many_lines_hold_nobody_up(service: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.app._service is not None
    # On a busy machine the last of them wait for longer than a command may.
    monkeypatch.setattr(service.app._service.deps.commands, "_wait_s_max", 100.0)
    body = b"\n".join(MANY_LINES.replace(b"@", str(uuid4()).encode()) for _ in range(256))
    answer = await ask(service, "/payments/bulk", body, LINES, 64 * 1024 * 1024)
    assert {each["status"] for each in answer.json["results"]} == {201}
