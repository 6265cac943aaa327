"""Sends one kind of request over some connections as fast as answers come: `python -m bench.load_generator`.

It shares the machine with what it measures, so it is as cheap as Python allows: one process, an epoll loop, requests
put together from bytes, and of an answer only the status and the length are looked at. Reads a Task as JSON from
standard input and prints a Result; ends with an error at the first answer that is not the expected one.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from vendorpay.usecases import cursor

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
SILENCE_S_MAX: Final = 20.0
"""No answer at all for so long, and the bench has failed."""
CURSORS_MAX: Final = 1_000
LINES: Final = (
    '[{"description":"Towing - Base Service","quantity":1,"unitPriceCents":25000},'
    '{"description":"Mileage Charge","quantity":14,"unitPriceCents":250}]'
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to send. `numbers` are those of payments, or of vendors: see `requests`."""

    port: int
    token: str
    kind: str
    clients: int
    seconds: float
    first: int = 0
    numbers: int = 1
    prefix: str = ""
    step_ms: int = 0
    every: int = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """When each request ended (seconds since the first was sent, at `began_at`), how long it took, and our CPU."""

    began_at: float
    ends_s: list[float]
    latencies_s: list[float]
    cpu_s: float


class Unexpected(Exception):
    """An answer that is not the expected one, or none."""


def main() -> None:
    """Does one task."""
    task = Task(**json.loads(sys.stdin.read()))
    print(json.dumps(asdict(run(task))))


def run(task: Task) -> Result:
    """Sends until the time is over or there is nothing left to send. Raises Unexpected."""
    expected = b"HTTP/1.1 201" if task.kind == "create" else b"HTTP/1.1 200"
    sender = _Sender(task, requests(task), expected)
    try:
        before = _cpu_s()
        sender.run()
        return Result(
            began_at=sender.began_at, ends_s=sender.ends, latencies_s=sender.latencies, cpu_s=_cpu_s() - before
        )
    finally:
        sender.close()


def requests(task: Task) -> Iterator[bytes]:
    """The requests of a task, each one new."""
    head = f"host: bench\r\nauthorization: Bearer {task.token}\r\n"
    makers = {
        "create": _creates,
        "approve": _approvals,
        "get": _gets,
        "pending": _pending,
        "pending_pages": _pending_pages,
        "vendor": _vendor_pages,
    }
    return makers[task.kind](task, head)


class _Sender:
    """The connections, each with one request under way."""

    def __init__(self, task: Task, found: Iterator[bytes], expected: bytes) -> None:
        self.ends: list[float] = []
        self.latencies: list[float] = []
        self.began_at = 0.0
        self._task = task
        self._requests = found
        self._expected = expected
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(task.clients):
            one = socket.create_connection(("127.0.0.1", task.port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[one.fileno()] = one

    def run(self) -> None:
        clock, sockets, found, expected = time.perf_counter, self._sockets, self._requests, self._expected
        ends, latencies = self.ends, self.latencies
        partial: dict[int, bytes] = {}
        sent: dict[int, float] = {}
        self.began_at, began = time.time(), clock()
        deadline = began + self._task.seconds
        following: bytes | None = None  # made while the service is at work
        with select.epoll() as poll:
            for number, one in sockets.items():
                if (request := next(found, None)) is None:
                    break
                poll.register(number, select.EPOLLIN)
                sent[number] = clock()
                one.sendall(request)
            following = next(found, None)
            while sent:
                ready = poll.poll(SILENCE_S_MAX)
                if not ready:
                    raise Unexpected(f"no answer within {SILENCE_S_MAX} s")
                for number, _ in ready:
                    data = sockets[number].recv(ANSWER_BYTES_MAX)
                    if number in partial:
                        data = partial.pop(number) + data
                    if not _complete(data):
                        partial[number] = data
                        continue
                    now = clock()
                    if not data.startswith(expected):
                        raise Unexpected(data[:1000].decode(errors="replace"))
                    ends.append(now - began)
                    latencies.append(now - sent[number])
                    if now < deadline and following is not None:
                        sent[number] = now
                        sockets[number].sendall(following)
                        following = next(found, None)
                    else:
                        del sent[number]
                        poll.unregister(number)

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()


def _complete(data: bytes) -> bool:
    """Whether this is a whole answer. Raises Unexpected when the connection was closed."""
    if not data:
        raise Unexpected("the connection was closed")
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = data.find(b"content-length: ", 0, end)
    if at < 0:
        raise Unexpected(f"no content-length: {data[:1000].decode(errors='replace')}")
    return len(data) >= end + 4 + int(data[at + 16 : data.find(b"\r", at, end + 1)])


def _creates(task: Task, head: str) -> Iterator[bytes]:
    """Each with a key, an incident and one of so many vendors of its own."""
    keys = _keys()
    body = [
        '{"incidentId":"',
        '","vendorId":"',
        f'","payerType":"back_office","amountCents":28500,"lineItems":{LINES},'
        '"metadata":{"serviceType":"towing","duration":45}}',
    ]
    length = sum(map(len, body)) + 2 * 36
    begin = f"POST /payments HTTP/1.1\r\n{head}content-type: application/json\r\ncontent-length: {length}\r\n"
    begin += "idempotency-key: "
    before, between, after = begin.encode(), b"\r\n\r\n" + body[0].encode(), body[2].encode()
    middle = body[1].encode()
    vendors = [_vendor(n).encode() for n in range(task.numbers)]
    for key in keys:
        random_hex = os.urandom(16).hex()
        incident = f"{random_hex[:8]}-{random_hex[8:12]}-4{random_hex[13:16]}-8{random_hex[17:20]}-{random_hex[20:]}"
        yield b"".join((before, key, between, incident.encode(), middle, random.choice(vendors), after))


def _approvals(task: Task, head: str) -> Iterator[bytes]:
    """Of the payments `first` .. `first + numbers - 1` of the pool, each once."""
    after = f"/approve HTTP/1.1\r\n{head}content-length: 0\r\nidempotency-key: ".encode()
    for n, key in zip(range(task.first, task.first + task.numbers), _keys(), strict=False):
        yield b"".join((b"POST /payments/", _dashed(f"{task.prefix}{n:012x}"), after, key, b"\r\n\r\n"))


def _gets(task: Task, head: str) -> Iterator[bytes]:
    """Of any of `numbers` payments; `first` is the millisecond of the first one."""
    after = f" HTTP/1.1\r\n{head}\r\n".encode()
    while True:
        n = int(random.random() * task.numbers)
        yield b"GET /payments/" + _dashed(f"{task.first + n * task.step_ms:012x}70008000{n:012x}") + after


def _pending(task: Task, head: str) -> Iterator[bytes]:
    """The first page, again and again, as everybody who watches the queue asks for it."""
    return itertools.repeat(f"GET /payments/pending?limit=50 HTTP/1.1\r\n{head}\r\n".encode())


def _pending_pages(task: Task, head: str) -> Iterator[bytes]:
    """After any of `numbers` payments that wait, every `every`th of those loaded: hardly two clients ask the same."""
    cursors = []
    for place in random.sample(range(task.numbers), min(task.numbers, CURSORS_MAX)):
        n = place * task.every
        cursors.append(cursor.write("pending", UUID(f"{task.first + n * task.step_ms:012x}70008000{n:012x}")))
    while True:
        yield f"GET /payments/pending?limit=50&cursor={random.choice(cursors)} HTTP/1.1\r\n{head}\r\n".encode()


def _vendor_pages(task: Task, head: str) -> Iterator[bytes]:
    """Of any of `numbers` vendors."""
    while True:
        vendor = _vendor(int(random.random() * task.numbers))
        yield f"GET /vendors/{vendor}/payments?limit=50 HTTP/1.1\r\n{head}\r\n".encode()


def _keys() -> Iterator[bytes]:
    """Idempotency keys of 36 characters, as a UUID has."""
    run = os.urandom(10).hex()
    return (f"{run}-{n:015x}".encode() for n in itertools.count())


def _dashed(digits: str) -> bytes:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()


def _vendor(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012x}"


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
