"""What every WebhookSender must do with a receiver that does what it likes: give an answer, in time, and go nowhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.scenarios.webhook_receiver import (
    Behaviour,
    Exchange,
    WebhookReceiver,
    dripping,
    drop,
    endless,
    endless_headers,
    first,
    hang,
    late,
    respond,
)
from vendorpay.ports import WebhookRequest, WebhookSender

BODY = b'{"type":"PaymentCreated","data":{"amountCents":12500}}'
TIMEOUT_S = 20.0
ODD_WISHES = [
    *("Fri, 01 Jan 99999999999999999999 00:00:00 GMT", "Fri, 01 Jan 2027 00:00:00 +999999999999999", "1 2 3 4 5 6 7"),
    *("Mon, 99 Foo 2026 25:61:61 GMT", ",", "\xff\xfe"),
]


def a_request(url: str, *, timeout_s: float = TIMEOUT_S) -> WebhookRequest:
    headers = (("content-type", "application/json"), ("user-agent", "vendorpay/test"), ("webhook-id", "evt-1"))
    return WebhookRequest(url=url, headers=headers, body=BODY, timeout_s=timeout_s)


def not_http(exchange: Exchange) -> None:
    exchange.raw(b"220 mail.example ESMTP\r\n")
    exchange.drop()


def cut_off(exchange: Exchange) -> None:
    exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of it")
    exchange.drop()


def ask_to_wait_until(exchange: Exchange) -> None:
    now = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # by its own clock, wherever that stands
    dates = {"Date": now, "Retry-After": now + timedelta(seconds=90)}
    head = "".join(f"{name}: {format_datetime(date, usegmt=True)}\r\n" for name, date in dates.items())
    exchange.raw(f"HTTP/1.1 503 Busy\r\n{head}Content-Length: 0\r\n\r\n".encode())


class WebhookSenderContract:
    """Subclasses give the sender, which may send to the own machine."""

    @pytest.fixture
    def sender(self) -> WebhookSender:
        pytest.fail("a subclass says which sender is held to the contract")

    @pytest.fixture
    def receiver(self) -> Iterator[WebhookReceiver]:
        with WebhookReceiver() as opened:
            yield opened

    async def test_a_request_arrives_byte_for_byte(self, sender: WebhookSender, receiver: WebhookReceiver) -> None:
        receiver.behave = respond(201, b"thank you")
        answer = await sender.send(a_request(receiver.url + "/a?b=c"))
        assert (answer.status, answer.error, answer.answer) == (201, None, "thank you")
        (received,) = receiver.received
        assert received.body == BODY
        assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert received.headers["content-length"] == str(len(BODY))
        assert (received.headers["webhook-id"], received.headers["user-agent"]) == ("evt-1", "vendorpay/test")

    async def test_a_redirect_is_an_answer_and_is_not_followed(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        for status in (301, 302, 303, 307, 308):
            receiver.behave = respond(status, location=f"http://127.0.0.1:{receiver.port}/elsewhere")
            assert (await sender.send(a_request(receiver.url))).status == status
        assert len(receiver.received) == 5

    @pytest.mark.parametrize("behave", [hang, dripping, late(60.0)], ids=["hangs", "drips", "answers late"])
    async def test_time_has_a_limit(self, sender: WebhookSender, receiver: WebhookReceiver, behave: Behaviour) -> None:
        receiver.behave = behave
        began = time.monotonic()
        answer = await sender.send(a_request(receiver.url, timeout_s=0.4))
        assert (answer.status, answer.error) == (None, "no answer within 0.4 s")
        assert 390 <= answer.duration_ms < 15_000
        assert time.monotonic() - began < 15.0

    @pytest.mark.parametrize("behave", [drop, not_http], ids=["hangs up", "speaks something else"])
    async def test_what_breaks_is_told_and_not_raised(
        self, sender: WebhookSender, receiver: WebhookReceiver, behave: Behaviour
    ) -> None:
        receiver.behave = behave
        answer = await sender.send(a_request(receiver.url))
        assert answer.status is None
        assert answer.error == "the connection broke, or what came back is not HTTP"

    async def test_nobody_at_home_is_told_and_not_raised(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        with WebhookReceiver() as gone:
            url = gone.url
        assert (await sender.send(a_request(url))).error == "no connection"

    async def test_an_endless_answer_is_read_to_a_limit_and_its_status_holds(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        receiver.behave = endless
        answer = await sender.send(a_request(receiver.url, timeout_s=30.0))
        assert answer.status == 200
        assert answer.answer is not None
        assert len(answer.answer) == 1_000
        assert answer.duration_ms < 2_000  # that is how long it may be read

    async def test_an_answer_that_is_cut_off_has_been_given(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        receiver.behave = cut_off
        answer = await sender.send(a_request(receiver.url))
        assert (answer.status, answer.answer) == (200, "half of it")

    async def test_endless_headers_end(self, sender: WebhookSender, receiver: WebhookReceiver) -> None:
        receiver.behave = endless_headers
        answer = await sender.send(a_request(receiver.url, timeout_s=60.0))
        assert answer.status is None
        assert answer.duration_ms < 30_000

    @pytest.mark.parametrize(
        ("asked", "seconds"),
        [("30", 30.0), ("0", 0.0), ("-5", None), ("soon", None), ("9" * 30, None), ("1.5", None), ("", None)],
    )
    async def test_a_wish_to_wait_is_passed_on(
        self, sender: WebhookSender, receiver: WebhookReceiver, asked: str, seconds: float | None
    ) -> None:
        receiver.behave = respond(429, retry_after=asked)
        assert (await sender.send(a_request(receiver.url))).retry_after_s == seconds

    @pytest.mark.parametrize("status", [200, 429])
    @pytest.mark.parametrize("asked", ODD_WISHES)
    async def test_an_odd_wish_to_wait_does_not_hide_the_status(
        self, sender: WebhookSender, receiver: WebhookReceiver, status: int, asked: str
    ) -> None:
        receiver.behave = respond(status, retry_after=asked)
        answer = await sender.send(a_request(receiver.url))
        assert (answer.status, answer.error, answer.retry_after_s) == (status, None, None)

    async def test_only_429_and_503_ask_for_a_wait(self, sender: WebhookSender, receiver: WebhookReceiver) -> None:
        for status, seconds in ((200, None), (301, None), (429, 30.0), (500, None), (503, 30.0)):
            receiver.behave = respond(status, retry_after="30")
            assert (await sender.send(a_request(receiver.url))).retry_after_s == seconds

    async def test_a_date_to_wait_for_is_measured_by_the_receivers_own_clock(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        receiver.behave = ask_to_wait_until
        assert (await sender.send(a_request(receiver.url))).retry_after_s == 90.0

    async def test_one_that_hangs_keeps_nobody_else_waiting(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        receiver.behave = first(20, hang)
        hanging = [asyncio.create_task(sender.send(a_request(receiver.url, timeout_s=60.0))) for _ in range(20)]
        await asyncio.to_thread(receiver.wait_for, 20)
        assert (await sender.send(a_request(receiver.url))).status == 204
        assert not any(one.done() for one in hanging)
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    async def test_a_cancelled_request_is_left_behind_cleanly(
        self, sender: WebhookSender, receiver: WebhookReceiver
    ) -> None:
        receiver.behave = first(1, hang)
        sending = asyncio.create_task(sender.send(a_request(receiver.url)))
        await asyncio.to_thread(receiver.wait_for, 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await sender.send(a_request(receiver.url))).status == 204
