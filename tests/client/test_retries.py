"""What the client does when the network or the service fails it, against a real server that does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.faulty_server import FaultyServer, Seen, Step, answer, faulty, problem
from vendorpay.api import examples
from vendorpay.api.bulk_examples import CREATED
from vendorpay.api.webhook_examples import ENDPOINT_ID
from vendorpay.client import (
    Client,
    Closed,
    FeedGap,
    NewLine,
    NewPayment,
    NoAnswer,
    NotTheService,
    Patience,
    Payment,
    Place,
    Problem,
)
from vendorpay.client.connections import Address

PAYMENT_ID = examples.PAYMENT_ID
QUICK = Patience(pause_s_first=0.001, pause_s_max=0.002)
NEW: dict[str, Any] = {
    "incident_id": examples.INCIDENT_ID,
    "vendor_id": examples.VENDOR_ID,
    "payer_type": "back_office",
    "amount_cents": 500,
    "line_items": [NewLine(description="Tow", quantity=1, unit_price_cents=500)],
}
NEW_PAYMENT = NewPayment(**NEW)


@contextmanager
def asking(*steps: Step, **options: Any) -> Iterator[tuple[Client, FaultyServer]]:
    with faulty(*steps) as server, Client(server.url, **{"token": "t", "patience": QUICK, **options}) as client:
        yield client, server


def payment() -> bytes:
    return answer(201, examples.PAYMENT)


def test_a_request_is_sent_again_under_its_key_until_it_is_answered() -> None:
    """Origin 41: a retry made a second payment."""
    told: list[tuple[int, str]] = []
    steps = (
        None,
        answer(503, problem(503, "overloaded"), Retry_After="0"),
        b"HTTP/1.1 201 x\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{",
        answer(409, problem(409, "idempotency_in_flight")),
        answer(429, problem(429, "rate_limited"), Retry_After="0"),
        answer(502, b"<html>"),
        answer(201, examples.PAYMENT, Idempotent_Replayed="true"),
    )
    with asking(*steps, told=lambda number, last: told.append((number, last))) as (client, server):
        created = client.create_payment(**NEW)
    assert created.payment_id == UUID(PAYMENT_ID)
    assert created.is_replayed
    assert len(server.seen) == len(steps)
    assert len({(each.headers["idempotency-key"], each.body, each.target) for each in server.seen}) == 1
    words = ("RemoteDisconnected", "status 503", "IncompleteRead", "status 409", "status 429", "status 502")
    assert told == list(enumerate(words, start=1))


def test_each_request_has_a_key_of_its_own_and_only_writing_has_one() -> None:
    with asking(payment()) as (client, server):
        client.create_payment(**NEW)
        client.create_payment(**NEW)
        client.update_payment(PAYMENT_ID, if_match=7, metadata={"km": None})
        client.get_payment(PAYMENT_ID)
    keys = [each.headers.get("idempotency-key") for each in server.seen]
    assert (keys[3], len(set(keys))) == (None, 4)
    assert server.seen[2].headers["if-match"] == '"7"'
    assert server.seen[2].body == b'{"metadata":{"km":null}}'
    assert {each.headers["authorization"] for each in server.seen} == {"Bearer t"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((400, "invalid_request"), (401, "unauthenticated"), (403, "four_eyes"), (404, "not_found")),
        *((409, "duplicate_payment"), (412, "precondition_failed"), (413, "body_too_large")),
        *((422, "idempotency_key_reused"), (428, "precondition_required"), (500, "internal_error")),
    ],
)
def test_a_refusal_is_told_at_once_and_with_everything_it_says(status: int, code: str) -> None:
    faults = [{"field": "a", "message": "is b"}]
    said = problem(status, code, errors=faults, existingPaymentId=PAYMENT_ID, checks={"database": "no"})
    with asking(answer(status, said)) as (client, server), pytest.raises(Problem) as refused:
        client.create_payment(**NEW)
    error = refused.value
    assert len(server.seen) == 1
    assert (error.status, error.code, error.detail, error.request_id) == (status, code, "No.", "r-1")
    assert [(fault.field, fault.message) for fault in error.errors] == [("a", "is b")]
    assert (error.body.existing_payment_id, error.body.checks) == (UUID(PAYMENT_ID), {"database": "no"})
    assert (str(error), error.was_uncertain) == (f"{status} {code}: No. a: is b", False)


def test_attempts_end_by_their_number_and_by_time() -> None:
    with asking(None) as (client, server), pytest.raises(NoAnswer, match="in 8 attempts") as away:
        client.create_payment(**NEW, key="mine")
    assert (len(server.seen), away.value.key, away.value.last) == (8, "mine", "RemoteDisconnected")
    hurried = Patience(attempts_max=50, total_s_max=0.0)
    with asking(None, patience=hurried) as (client, server), pytest.raises(NoAnswer):
        client.get_payment(PAYMENT_ID)
    assert len(server.seen) == 1
    with (
        asking(answer(503, problem(503, "overloaded"))) as (client, server),
        pytest.raises(Problem, match="overloaded"),
    ):
        client.get_payment(PAYMENT_ID)
    assert len(server.seen) == 8


def test_retry_after_is_waited_for() -> None:
    began = time.monotonic()
    with asking(answer(503, problem(503, "overloaded"), Retry_After="1"), payment()) as (client, _):
        client.get_payment(PAYMENT_ID)
    assert time.monotonic() - began >= 1


@given(st.integers(0, 10**6), st.floats(0, 1), st.none() | st.floats(0, 10**9))
def test_pauses_are_bounded_and_never_shorter_than_what_is_asked_for(
    attempt: int, chance: float, after_s: float | None
) -> None:
    patience = Patience()
    pause_s = patience.pause_s(attempt, chance=chance, retry_after_s=after_s)
    assert min(after_s or 0, 60) <= pause_s <= min(after_s or 0, 60) + min(10, 0.2 * 2.0 ** min(attempt, 10))


def test_health_is_asked_once() -> None:
    not_ready = problem(503, "not_ready", checks={"database": "unreachable"})
    with asking(answer(503, not_ready)) as (client, server), pytest.raises(Problem) as refused:
        client.get_readiness()
    assert (len(server.seen), refused.value.body.checks) == (1, {"database": "unreachable"})


def test_one_connection_serves_many_requests_and_one_that_was_closed_costs_none() -> None:
    told: list[int] = []
    with asking(payment(), told=lambda number, _: told.append(number)) as (client, server):
        for _ in range(3):
            client.get_payment(PAYMENT_ID)
        assert server.connections == 1
        server.hang_up()
        while not _ended(client):
            time.sleep(0.001)
        client.get_payment(PAYMENT_ID)
        assert (server.connections, told) == (2, [])


def _ended(client: Client) -> bool:
    """Whether the kernel knows that the other side is gone."""
    connections = client._transport._connections  # type: ignore[attr-defined]
    (idle,) = connections._idle
    return bool(idle.sock.recv(1, 2) == b"")  # MSG_PEEK


def test_threads_share_a_client_each_with_a_connection() -> None:
    together = threading.Barrier(4, timeout=10)

    def slow(_: Seen) -> bytes:
        together.wait()
        return payment()

    with asking(slow) as (client, server):
        threads = [threading.Thread(target=client.get_payment, args=(PAYMENT_ID,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (server.connections, len(server.seen)) == (4, 4)


@pytest.mark.parametrize("pausing", [False, True])
def test_closing_wakes_whoever_waits(pausing: bool) -> None:
    reached, let_go = threading.Event(), threading.Event()

    def never(_: Seen) -> bytes | None:
        reached.set()
        if pausing:
            return answer(503, problem(503, "overloaded"), Retry_After="60")
        let_go.wait(10)
        return None

    errors: list[BaseException] = []

    def ask(client: Client) -> None:
        try:
            client.get_payment(PAYMENT_ID)
        except Closed as error:
            errors.append(error)

    with asking(never) as (client, _):
        thread = threading.Thread(target=ask, args=(client,))
        thread.start()
        assert reached.wait(10)
        client.close()
        thread.join(10)
        let_go.set()
    assert len(errors) == 1


@pytest.mark.parametrize("said", [answer(200, b"<html>"), answer(404, b"<html>"), answer(200, b"{}"), answer(302, b"")])
def test_what_is_not_the_service_is_told_apart(said: bytes) -> None:
    with asking(said) as (client, server), pytest.raises(NotTheService):
        client.get_payment(PAYMENT_ID)
    assert len(server.seen) == 1


def test_a_refusal_that_comes_before_all_was_sent_is_read() -> None:
    """413 to a large body: the server closes, and the rest cannot be sent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer(413, problem(413, "body_too_large"), Connection="close"))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 20):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with Client(url, "t", patience=QUICK) as client, pytest.raises(Problem, match="413"):
            client.create_payments_of_lines(b"x" * 10_000_000, 1)
        thread.join()


def test_a_token_that_is_asked_for_is_asked_for_each_time() -> None:
    tokens = iter(["old", "new"])
    with asking(None, payment(), token=lambda: next(tokens)) as (client, server):
        client.get_payment(PAYMENT_ID)
    assert [each.headers["authorization"] for each in server.seen] == ["Bearer old", "Bearer new"]


def test_a_proxy_is_asked_for_the_whole_address() -> None:
    with faulty(payment()) as proxy:
        with Client("http://here.invalid:81/base/", "t", proxy=proxy.url.replace("//", "//a:b@")) as client:
            client.get_payment(PAYMENT_ID)
        (seen,) = proxy.seen
    assert seen.target == f"http://here.invalid:81/base/payments/{PAYMENT_ID}"
    assert (seen.headers["host"], seen.headers["proxy-authorization"]) == ("here.invalid:81", "Basic YTpi")


@pytest.mark.parametrize("url", ["", "here", "ftp://here", "http://", "http://here:x", "http://here:99999"])
def test_what_is_no_url_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|Port|port"):
        Client(url)


def test_secrets_of_a_url_are_not_shown() -> None:
    assert Address.of("https://me:secret@here/base").shown == "https://here/base"
    assert Address.of("http://[::1]:8080").shown == "http://[::1]:8080"


def test_ids_stay_one_part_of_the_path() -> None:
    with asking(payment()) as (client, server):
        client.get_payment("../a?b#c")
    assert server.seen[0].target == "/payments/..%2Fa%3Fb%23c"


# --- many at once ------------------------------------------------------------------------------------------


def bulk(*statuses: int) -> bytes:
    codes = {503: "overloaded", 409: "idempotency_in_flight", 400: "invalid_request"}
    results = [
        {"index": n, "status": status}
        | ({"payment": examples.PAYMENT} if status == 201 else {"problem": problem(status, codes[status])})
        for n, status in enumerate(statuses)
    ]
    return answer(200, {"results": results})


def test_items_that_are_not_settled_are_asked_for_again_under_the_same_key() -> None:
    with asking(bulk(201, 503), bulk(409, 201), bulk(201, 400)) as (client, server):
        outcomes = client.create_payments_of_lines(b"{}\n{}", 2)
    assert [each.status for each in outcomes] == [201, 400]
    assert len(server.seen) == 3
    assert len({(each.headers["idempotency-key"], each.body) for each in server.seen}) == 1
    with asking(bulk(503)) as (client, server), pytest.raises(NoAnswer, match="503 overloaded"):
        client.approve_payments([PAYMENT_ID])
    assert len(server.seen) == 8


def test_results_that_do_not_fit_are_not_taken_for_an_answer() -> None:
    for said in (bulk(201), bulk(201, 201, 201), answer(200, {"results": [{"index": 1, "status": 201}] * 2})):
        with asking(said) as (client, _), pytest.raises(NotTheService):
            client.create_payments([NEW_PAYMENT] * 2)
    with asking(answer(200, CREATED)) as (client, _):
        first, second, third = client.create_payments([NEW_PAYMENT] * 3).results
    assert isinstance(first.payment, Payment)
    assert second.problem is not None
    assert second.problem.existing_payment_id is not None
    assert third.problem is not None
    assert [fault.field for fault in third.problem.errors] == ["amountCents"]


# --- lists and the feed ------------------------------------------------------------------------------------


def test_a_list_asks_for_pages_as_they_are_needed() -> None:
    def page(cursor: str | None) -> bytes:
        return answer(200, {"payments": [examples.PAYMENT] * 2, "nextCursor": cursor})

    with asking(page("a"), page("b"), page(None)) as (client, server):
        listed = client.list_payments(reference="ä&b", limit=2)
        assert server.seen == []
        first = iter(listed)
        next(first), next(first)
        assert len(server.seen) == 1
        assert len(list(first)) == 4
    targets = [each.target for each in server.seen]
    assert targets == [f"/payments?reference=%C3%A4%26b&limit=2{more}" for more in ("", "&cursor=a", "&cursor=b")]


def feed(position: int, last: int, *positions: int) -> bytes:
    example: Any = examples.FEED
    events = [{**example["events"][0], "position": each} for each in positions]
    return answer(200, {"events": events, "position": position, "lastPosition": last})


def test_the_feed_is_read_to_its_end_and_never_past_a_gap() -> None:
    with asking(feed(2, 3, 1, 2), feed(3, 3, 3), feed(3, 3)) as (client, server):
        assert [event.position for event in client.feed()] == [1, 2, 3]
        assert [each.target for each in server.seen] == [f"/events?after={after}&limit=200" for after in (0, 2, 3)]
    for said, words in (
        (feed(5, 5, 3, 5), "position 4 is missing"),
        (feed(5, 5, 3, 3), "went back"),
        (feed(2, 1), "another one than was read"),
    ):
        place = Place(2)
        with asking(said) as (client, _), pytest.raises(FeedGap, match=words):
            list(client.feed(place))
        assert place.after in (2, 3)


def test_a_deletion_whose_answer_was_lost_has_been_done() -> None:
    gone = answer(404, problem(404, "not_found"))
    with asking(None, gone) as (client, _):
        client.delete_webhook_endpoint(ENDPOINT_ID)
    with asking(gone) as (client, _), pytest.raises(Problem, match="404"):
        client.delete_webhook_endpoint(ENDPOINT_ID)
