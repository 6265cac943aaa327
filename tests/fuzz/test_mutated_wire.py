"""Spoilt requests over real sockets: what a server reads before the application does, and how a line is cut."""

from __future__ import annotations

import random
import re
import socket
import time
from contextlib import suppress

import pytest

from tests import tally
from tests.api.asked import MEMORY_BYTES_MAX, assert_no_failure, memory_bytes
from tests.fuzz.conversation import Known, Sent, new_uuid, requests
from tests.fuzz.mutations import mutated
from tests.scenarios.books import UNEQUAL, assert_whole
from tests.scenarios.serving import HOST, Serve, quick_home, serving
from tests.usecases.world import SOAK, seeded

LINES = 3_000
ANSWER_S_MAX = 20.0
"""How long a line may stay open after its last byte: without an answer the server must hang up by then."""
PATIENCE_S = 0.3
"""After so long without a byte, ours says that nothing more will come."""
READY_EVERY = 50
READY = b"GET /health/ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


def spoilt_head(raw: bytes, chance: random.Random) -> bytes:
    """The same bytes with one thing wrong that only a parser of HTTP sees."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    at = chance.randrange(len(lines))
    spoils = (
        lambda: [*lines[:at], lines[at] + chance.choice((b" ", b"\x00", b"\r", b"\xff", b"\t:")), *lines[at + 1 :]],
        lambda: [*lines[:at], b" " + lines[at], *lines[at + 1 :]],  # an obsolete way of going on with a line
        lambda: [
            lines[0].replace(b"HTTP/1.1", chance.choice((b"HTTP/1.0", b"HTTP/3.7", b"", b"http/1.1"))),
            *lines[1:],
        ],
        lambda: [lines[0].replace(b" /", b" http://elsewhere.example/", 1), *lines[1:]],
        lambda: [*lines, b"host: other"],
        lambda: [*lines, b"transfer-encoding: chunked"],
        lambda: [*lines, b"content-length: " + chance.choice((b"0", b"7", b"99999", b"-1"))],
        lambda: [*lines, *(b"x-%d: y" % n for n in range(chance.choice((10, 150, 2_000))))],
        lambda: [*lines, b"expect: 100-continue"],
        lambda: [*lines, b"connection: " + chance.choice((b"close", b"keep-alive", b"upgrade, x"))],
        lambda: [line.replace(b": ", b" : ") for line in lines],
        lambda: [lines[0], lines[0], *lines[1:]],
    )
    end = chance.choice((gap, gap, gap, b"\n\n", b"\r\n", b"\r\r"))
    return b"\r\n".join(chance.choice(spoils)()) + end + body


def in_chunks(sent: Sent, chance: random.Random) -> bytes:
    """The body in chunks, some of them not quite right."""
    head = sent.with_header(b"content-length").with_header(b"transfer-encoding", b"chunked")
    pieces = [sent.body[n : n + 40] for n in range(0, len(sent.body), 40)] or [b""]
    chunks = [
        b"%x%s\r\n%s\r\n" % (len(each), chance.choice((b"", b"", b";a=b", b" ")), each) for each in pieces if each
    ]
    if chance.random() < 0.4:
        wrong = chance.choice((b"zz\r\n", b"-1\r\n\r\n", b"ffffffffffffffff\r\n", b"5\r\nab", b"\r\n", b"1\r\nab\r\n"))
        chunks.insert(chance.randrange(len(chunks) + 1), wrong)
    last = chance.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b""))
    return Sent(head.method, head.path, head.query, head.headers, b"").raw() + b"".join(chunks) + last


def on_a_line(sent: Sent, chance: random.Random) -> bytes:
    """The bytes of one request, spoilt on the way or not, and perhaps another behind it."""
    raw = in_chunks(sent, chance) if chance.random() < 0.25 else sent.raw()
    raw = spoilt_head(raw, chance) if chance.random() < 0.5 else raw
    raw = raw[: chance.randrange(1, len(raw))] if chance.random() < 0.1 else raw
    return raw * chance.choice((1, 1, 1, 2, 3))


def statuses_of(serve: Serve, raw: bytes, chance: random.Random) -> list[int]:
    """What is answered before the server hangs up. Raises TimeoutError when it neither answers nor hangs up."""
    said = b""
    with (
        socket.create_connection((HOST, serve.port), timeout=PATIENCE_S) as line,
        suppress(BrokenPipeError, ConnectionResetError),
    ):
        cut = chance.randrange(len(raw)) if chance.random() < 0.3 else 0
        for piece in filter(None, (raw[:cut], raw[cut:])):
            line.sendall(piece)
        with suppress(TimeoutError):
            while chunk := line.recv(65_536):
                said += chunk
            return [int(status) for status in _STATUS.findall(said)]
        line.shutdown(socket.SHUT_WR)  # it waits for more than there is
        line.settimeout(ANSWER_S_MAX)
        while chunk := line.recv(65_536):
            said += chunk
    return [int(status) for status in _STATUS.findall(said)]


@pytest.mark.skipif(not SOAK, reason="tests/scenarios/test_on_the_wire has the known ways; chance looks for others")
def test_nothing_on_a_line_brings_a_5xx_or_hangs() -> None:
    """Origin 70: wrong input was a 500."""
    with quick_home() as home, serving(home) as serve:
        chance = seeded("spoilt lines")
        known = Known()
        good = requests(known, chance)
        token = serve.token("admin", sub=str(new_uuid(chance))).encode()
        for number in range(LINES):
            sent = mutated(next(good).with_header(b"authorization", b"Bearer " + token), chance)
            raw = on_a_line(sent.with_header(b"connection", b"close"), chance)
            began = time.monotonic()
            statuses = statuses_of(serve, raw, chance)
            took = time.monotonic() - began
            for status in statuses:
                tally.count("fuzzed requests", status=status, slowest_s=took)
            assert [each for each in statuses if each >= 500] == [], (number, raw)
            if number % READY_EVERY == 0:
                assert statuses_of(serve, READY, random.Random(0)) == [200]
        memory = max(map(memory_bytes, serve.serving_pids()))
        tally.count("fuzzed requests", 0, served_mib=memory / 1024**2)
        assert memory < MEMORY_BYTES_MAX
        assert_whole(serve.books_url(), but=[UNEQUAL])
        assert_no_failure(serve)
