"""The load generator counts whole answers with the expected status, and nothing else."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import pytest

from bench.load_generator import Result, Task, Unexpected, requests, run
from vendorpay.usecases import cursor

FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@contextmanager
def answering(*parts: bytes) -> Iterator[int]:
    """A server for one connection that sends these parts, each at once, to every request; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer, args=(listening, parts))
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def _answer(listening: socket.socket, parts: Sequence[bytes]) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while connection.recv(65_536):
            for part in parts:
                connection.sendall(part)
                threading.Event().wait(0.002)  # the parts of one answer come one by one


def asked(port: int) -> Result:
    task = Task(port=port, token="t", kind="approve", clients=1, seconds=60, numbers=3, prefix="0" * 20)
    return run(task)


@pytest.mark.parametrize("parts", [(FINE,), (FINE[:20], FINE[20:]), (FINE[:-1], FINE[-1:])])
def test_every_request_is_answered_once_however_its_answer_is_cut(parts: tuple[bytes, ...]) -> None:
    with answering(*parts) as port:
        found = asked(port)
    assert len(found.ends_s) == len(found.latencies_s) == 3
    assert found.ends_s == sorted(found.ends_s)


def test_another_status_than_the_expected_one_ends_it() -> None:
    with answering(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n") as port, pytest.raises(Unexpected, match="503"):
        asked(port)


def test_every_request_has_a_key_of_its_own() -> None:
    task = Task(port=0, token="t", kind="create", clients=1, seconds=1, numbers=9)
    made = [request for request, _ in zip(requests(task), range(50), strict=False)]
    assert len({request.partition(b"idempotency-key: ")[2][:36] for request in made}) == 50
    head, _, body = made[0].partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head


def test_pages_of_the_queue_begin_after_any_of_those_that_wait() -> None:
    task = Task(
        port=0, token="t", kind="pending_pages", clients=1, seconds=1, first=1000, numbers=3, step_ms=5, every=20
    )
    asked = b"".join(request for request, _ in zip(requests(task), range(100), strict=False)).decode()
    begins = {cursor.read("pending", text) for text in re.findall(r"cursor=(\S+)", asked)}
    assert begins == {UUID(f"{1000 + n * 5:012x}70008000{n:012x}") for n in (0, 20, 40)}
