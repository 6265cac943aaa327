"""No client costs more than a connection may: in memory, in time, or in answers that belong to another request."""

import errno
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.entrypoints.http_serving import LARGE_BYTES, Served, everything, http_served, until
from vendorpay.entrypoints import http_connection, http_server
from vendorpay.entrypoints.http_connection import PIPELINED_MAX

CHUNKED = b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
SHORT_S = 0.3


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_server, "_LOOKS", 1)
        with http_served() as server:
            yield server


@pytest.fixture(autouse=True)
def _open(served: Served) -> Iterator[None]:
    served.desk.answered.clear()
    yield
    served.desk.open.set()
    until(lambda: served.connections() == 0)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def post(path: str, body: bytes, announced: int | None = None) -> bytes:
    length = len(body) if announced is None else announced
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode() + body


def held(served: Served, *parts: bytes) -> bytes:
    """What is answered to parts of which the last come while the first is carried out."""
    served.desk.open.clear()
    with served.connect() as client:
        for part in parts:
            client.sendall(part)
            time.sleep(0.05)
        until(served.is_ending)
        served.desk.open.set()
        return everything(client)


def test_of_requests_without_number_some_are_answered_and_the_rest_never_read(served: Served) -> None:
    with served.connect() as client:
        with suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
            client.sendall(get("/a") * 100_000)
        everything(client)
    assert len(served.desk.answered) == PIPELINED_MAX + 1


def test_a_few_requests_at_once_are_all_answered_in_their_order(served: Served) -> None:
    asked = [f"/{n}" for n in range(PIPELINED_MAX)]
    said = served.talk(b"".join(map(get, asked)) + b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200") == PIPELINED_MAX + 1
    assert served.desk.answered == [*asked, "/last"]


def test_nothing_is_read_while_requests_wait(served: Served) -> None:
    served.desk.open.clear()
    with served.connect() as client:
        client.sendall(get("/a") + get("/b"))
        until(lambda: served.waiting() == 1)
        client.sendall(get("/c"))
        time.sleep(0.1)
        assert served.waiting() == 1
        served.desk.open.set()
        until(lambda: served.desk.answered == ["/a", "/b", "/c"])


@pytest.mark.parametrize(
    "rest",
    [
        b"0\r\n" + b"a:b\r\n" * 40_000,
        b"0\r\nx: " + b"a" * 200_000,
        b"2;" + b"e" * 200_000,
        b"1;e=fffffffffffffffffffff\r\na\r\n" * 20_000,
    ],
    ids=["many trailers", "one long trailer", "a long extension", "many extensions"],
)
def test_what_comes_around_and_behind_chunks_is_counted(served: Served, rest: bytes) -> None:
    with served.connect() as client:
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(CHUNKED)
            for start in range(0, len(rest), 10_000):
                client.sendall(rest[start : start + 10_000])
                time.sleep(0.002)
        everything(client)
    assert served.desk.answered == []


def test_small_chunks_and_a_trailer_are_no_harm(served: Served) -> None:
    body = b"1\r\na\r\n" * 30_000 + b"0\r\nChecksum: 1\r\n\r\n"
    said = served.talk(CHUNKED, body, b"GET /next HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("line", [b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n"])
def test_a_long_head_is_refused_whole_or_in_parts(served: Served, line: bytes) -> None:
    assert b"HTTP/1.1 400" in served.talk(line)
    assert b"HTTP/1.1 400" in served.talk(line[:40_000], line[40_000:])


def test_a_head_within_the_limit_may_come_in_parts(served: Served) -> None:
    request = b"GET /a HTTP/1.1\r\nConnection: close\r\nA: " + b"b" * 60_000 + b"\r\n\r\n"
    parts = [request[start : start + 7_000] for start in range(0, len(request), 7_000)]
    assert b"HTTP/1.1 200" in served.talk(*parts)


def test_many_heads_at_once_are_no_long_one(served: Served) -> None:
    heads = b"GET /a HTTP/1.1\r\nA: " + b"b" * 4_000 + b"\r\n\r\n"
    said = served.talk(heads * 30 + b"GET /next HT", b"TP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200") == 31


def test_a_large_body_is_no_part_of_the_next_head(served: Served) -> None:
    said = served.talk(post("/read", b"b" * 100_000) + b"GET /next HT", b"TP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ([post("/now", b"", announced=1000), b"x"], b"HTTP/1.1 200"),
        ([get("/a"), b"\r\n"], b"HTTP/1.1 200"),
        ([get("/a")], b"HTTP/1.1 200"),
        ([get("/a"), b"GET / HT"], b"HTTP/1.1 200"),
        ([b"GET / HT"], b""),
        ([], b""),
    ],
    ids=["a body nobody wants", "a line", "nothing more", "half a second head", "half a head", "nothing at all"],
)
def test_a_connection_that_asks_nothing_is_closed_whatever_comes(
    served: Served, asked: list[bytes], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "IDLE_S_MAX", SHORT_S)
    monkeypatch.setattr(http_connection, "HEAD_S_MAX", SHORT_S)
    assert served.talk(*asked).startswith(answer)


def test_who_waits_long_for_an_answer_is_not_idle(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "IDLE_S_MAX", SHORT_S)
    monkeypatch.setattr(http_connection, "HEAD_S_MAX", 3 * SHORT_S)
    served.desk.open.clear()
    with served.connect() as client:
        client.sendall(get("/a") + b"GET /half HT")
        time.sleep(4 * SHORT_S)
        served.desk.open.set()
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        time.sleep(SHORT_S)  # nor does the next head pay for what its predecessor took
        client.sendall(b"TP/1.1\r\nConnection: close\r\n\r\n")
        assert everything(client).endswith(b"/half")


@pytest.mark.parametrize("requests", [1, 5])
def test_a_client_that_never_reads_is_hung_up_on(
    served: Served, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "SEND_S_MAX", SHORT_S)
    with served.connect(receive_bytes=4096) as deaf:
        deaf.sendall(get("/large") * requests)
        # Reset, not closed: the kernel keeps nothing for it either.
        until(lambda: deaf.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET)
        until(lambda: served.connections() == 0)


def test_a_client_that_reads_gets_a_large_answer_whole(served: Served) -> None:
    said = served.talk(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert len(said.partition(b"\r\n\r\n")[2]) == LARGE_BYTES


@pytest.mark.parametrize(
    "rubbish", [b"GARBAGE\r\n\r\n", b"GET /" + b"a" * 70_000, b"\r\n" * 200_000, b"CONNECT a:80 HTTP/1.1\r\n\r\n"]
)
def test_rubbish_after_a_request_leaves_it_its_own_answer(served: Served, rubbish: bytes) -> None:
    said = held(served, post("/kept", b"{}"), rubbish)
    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(b"/kept")
    assert held(served, post("/kept", b"{}") + rubbish).endswith(b"/kept")


def test_a_broken_body_behind_whole_requests_leaves_them_their_answers(served: Served) -> None:
    said = held(served, get("/first") + get("/second") + CHUNKED + b"zz\r\n")
    assert (said.count(b"HTTP/1.1 200"), served.desk.answered) == (2, ["/first", "/second"])
    assert b"HTTP/1.1 400" not in said


def test_a_broken_body_whose_request_is_answered_is_not_answered_again(served: Served) -> None:
    said = served.talk(CHUNKED.replace(b"/read", b"/now"), b"zz\r\n")
    assert said.count(b"HTTP/1.1") == 1


def test_a_broken_body_is_refused(served: Served) -> None:
    assert served.talk(CHUNKED, b"zz\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("line", [b"CONNECT a:80", b"GET http://a:99999/", b"GET http://"])
def test_a_target_that_is_none_is_called_so(served: Served, line: bytes) -> None:
    said = served.talk(line + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400")
    assert b"is no HTTP/1.1 request" in said


@pytest.mark.parametrize("target", [b"http://a", b"HTTP://a:80", b"http://a?b=c", b"http://a/"])
def test_an_absolute_target_without_a_path_means_the_root(served: Served, target: bytes) -> None:
    served.talk(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert served.desk.answered == ["/"]


def test_whoever_hangs_up_with_requests_waiting_ends_them_in_silence(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.desk.open.clear()
    with served.connect() as client:
        client.sendall(get("/a") + get("/b") + get("/c"))
        until(lambda: served.waiting() == 2)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    served.desk.open.set()
    until(lambda: served.connections() == 0 and not served.server.server_state.tasks)
    assert not caplog.records


def test_a_server_that_stops_waits_for_no_client_without_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "LAST_BYTES_S_MAX", SHORT_S)
    with http_served() as stopping:
        half, deaf, idle, waiting = (stopping.connect(receive_bytes=4096) for _ in range(4))
        with half, deaf, idle, waiting:
            half.sendall(post("/read", b"x", announced=1000))
            deaf.sendall(get("/large") * 2)
            idle.sendall(get("/a"))
            until(lambda: "/a" in stopping.desk.answered)
            stopping.desk.open.clear()
            waiting.sendall(get("/waiting"))
            until(lambda: {"/read", "/waiting"} <= set(stopping.desk.begun))
            began = time.monotonic()
            stopping.server.stop()
            assert everything(half).startswith(b"HTTP/1.1 400")
            assert everything(idle).startswith(b"HTTP/1.1 200")
            until(lambda: stopping.connections() == 1)  # the one that is being answered
            assert time.monotonic() - began < 20  # one that waits for clients does so for STOP_S_MAX, 30
            stopping.desk.open.set()
            assert everything(waiting).startswith(b"HTTP/1.1 200")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
