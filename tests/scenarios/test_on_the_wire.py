"""What clients do to a socket: hang up, dawdle, lie about lengths, send rubbish."""

import json
import time
from contextlib import ExitStack
from uuid import uuid4

import pytest

from tests.scenarios.asking import Office, new_payment
from tests.scenarios.blocking import writes_blocked
from tests.scenarios.books import assert_whole, rows
from tests.scenarios.serving import Serve
from tests.scenarios.wire import Wire, head, post

pytestmark = pytest.mark.of_serve

BODY_MAX = 256 * 1024
EVENTS_MAX = 16 * 1024 * 1024
AS_JSON = "Content-Type: application/json"
HANG_UPS = 20
IDLE = 1_500
RUBBISH = {
    "no HTTP": b"\x00\xff\x16\x03\x01 rubbish\r\n\r\n" * 20,
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\x5a" * 150,
    "a line without an end": b"GET /" + b"a" * 200_000,
    "headers without an end": b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 20_000,
    "a length that is no number": b"POST /payments HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n{}",
    "two lengths": b"POST /payments HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks that are none": b"POST /payments HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def is_ready(serve: Serve) -> bool:
    with Wire(serve) as wire:
        wire.send(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return wire.answer()[0] == 200


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_on_the_socket_hurts_nobody(serve: Serve, rubbish: bytes) -> None:
    with Wire(serve) as wire:
        try:
            wire.send(rubbish)
            wire.send(b"\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        wire.hang_up()
    assert is_ready(serve)


@pytest.mark.parametrize(("path", "most"), [("/payments", BODY_MAX), ("/events", EVENTS_MAX)])
def test_a_length_above_the_limit_is_answered_413_with_the_body_unread(
    office: Office, serve: Serve, path: str, most: int
) -> None:
    with Wire(serve) as wire:
        # Not one byte of the body is sent: whoever waited for it would wait for ever.
        wire.send(head(office.admin, "POST", path, AS_JSON, f"Content-Length: {most + 1}"))
        status, problem = wire.answer()
    assert (status, problem["code"]) == (413, "body_too_large")


def test_a_body_above_the_limit_that_came_in_chunks_is_answered_413(office: Office, serve: Serve) -> None:
    with Wire(serve) as wire:
        wire.send(head(office.admin, "POST", "/payments", AS_JSON, "Transfer-Encoding: chunked"))
        try:
            for _ in range(2 * BODY_MAX // 4096):
                wire.send(b"1000\r\n" + b" " * 4096 + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before the end
        status, problem = wire.answer()
    assert (status, problem["code"]) == (413, "body_too_large")


def test_a_body_in_broken_chunks_is_the_senders_fault_and_no_5xx(office: Office, serve: Serve) -> None:
    with Wire(serve) as wire:
        wire.send(head(office.admin, "POST", "/payments", AS_JSON, "Transfer-Encoding: chunked"))
        wire.send(b"zz\r\n{}\r\n")
        status, problem = wire.answer()
    assert (status, problem["code"]) == (400, "malformed_json")


def test_idle_connections_shut_nobody_out(serve: Serve) -> None:
    """More of them than the backlog holds."""
    with ExitStack() as idle:
        for _ in range(IDLE):
            idle.enter_context(Wire(serve)).send(b"GET /health")
        assert is_ready(serve)


def test_who_may_not_is_told_so_before_the_body(office: Office, serve: Serve) -> None:
    with Wire(serve) as wire:
        wire.send(head(office.auditor, "POST", "/payments", AS_JSON, "Content-Length: 1000"))
        status, problem = wire.answer()
    assert (status, problem["code"]) == (403, "forbidden")


def test_a_slow_body_is_waited_for_and_keeps_nobody_else_waiting(office: Office, serve: Serve) -> None:
    body = json.dumps(new_payment()).encode()
    request = post(office.creator, "/payments", body)
    with Wire(serve) as slow:
        slow.send(request[: -len(body)])
        for part in range(0, len(body), 40):
            began = time.monotonic()
            assert office.creator.post("/payments", new_payment()).status_code == 201
            assert time.monotonic() - began < 20
            slow.send(body[part : part + 40])
        status, payment = slow.answer()
    assert (status, payment["amountCents"]) == (201, 15000)


def test_a_client_that_hangs_up_in_the_middle_of_a_create_does_not_cancel_it(serve: Serve, office: Office) -> None:
    """Whenever it hangs up, the same request with its key makes exactly one payment in the end."""
    sent = []
    for n in range(HANG_UPS):
        body = json.dumps(new_payment()).encode()
        key = str(uuid4())
        request = post(office.creator, "/payments", body, f"Idempotency-Key: {key}")
        with Wire(serve) as wire:
            wire.send(request[: len(request) - (n % 4) * 20] if n % 4 else request)
            if n % 2:
                time.sleep(n / 4000)  # from none to 5 ms: before, during and after the commit
            wire.hang_up()
        sent.append((body, key))
    for body, key in sent:
        while True:
            answer = office.creator.post("/payments", body, Idempotency_Key=key)
            if answer.status_code != 409 or answer.json()["code"] != "idempotency_in_flight":
                break
        assert answer.status_code == 201, answer.text
    asked = {json.loads(body)["incidentId"] for body, _ in sent}
    found = rows(serve.books_url(), "SELECT incident_id FROM payments WHERE org_id = %(org)s", org=office.org)
    assert sorted(str(each["incident_id"]) for each in found) == sorted(asked)


def test_a_create_whose_client_is_gone_is_committed_all_the_same(serve: Serve, office: Office) -> None:
    """The retry with its key finds the stored answer: the first request was carried out to its end."""
    body = json.dumps(new_payment()).encode()
    key = str(uuid4())
    with writes_blocked(serve.books_url()) as blocked, Wire(serve) as wire:
        wire.send(post(office.creator, "/payments", body, f"Idempotency-Key: {key}"))
        blocked.wait_for_one()
        wire.hang_up()
        # The service hears of the hang-up before anything else that comes: it reads all sockets in one loop.
        assert is_ready(serve)
    answer = office.creator.post("/payments", body, Idempotency_Key=key)
    while answer.status_code == 409:
        answer = office.creator.post("/payments", body, Idempotency_Key=key)
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (201, "true")
    assert_whole(serve.books_url())


def test_a_second_request_on_the_line_is_answered_after_the_first(serve: Serve, office: Office) -> None:
    requests = [post(office.creator, "/payments", json.dumps(new_payment()).encode()) for _ in range(2)]
    with Wire(serve) as wire:
        wire.send(requests[0])
        assert wire.answer()[0] == 201
        wire.send(requests[1])
        assert wire.answer()[0] == 201


@pytest.mark.parametrize("pause_s", [0, 0.002, 0.004])
def test_rubbish_behind_a_create_leaves_it_its_own_answer(serve: Serve, office: Office, pause_s: float) -> None:
    """Whoever is told 400 makes the payment once more."""
    with Wire(serve) as wire:
        wire.send(post(office.creator, "/payments", json.dumps(new_payment()).encode()))
        time.sleep(pause_s)
        wire.send(b"GARBAGE\r\n\r\n")
        assert wire.received().startswith(b"HTTP/1.1 201")  # and perhaps, after it, what the rubbish is told


@pytest.mark.parametrize(
    ("target", "status"), [("http://a", 404), ("http://a:99999/", 400), ("http://a/health/live", 200)]
)
def test_an_absolute_target_is_read_as_http_has_it(serve: Serve, target: str, status: int) -> None:
    with Wire(serve) as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert wire.answer()[0] == status
