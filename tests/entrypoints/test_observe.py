"""Logs: what gets in, and above all what does not."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager

import psycopg
import pytest

from vendorpay import observe
from vendorpay.api.app import App
from vendorpay.ports import TokenVerifier
from vendorpay.usecases.deps import Deps

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


class Log:
    """The lines that were written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    written = Log()
    observe.configure("info", stream=written.stream)
    yield written
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    observe.configure("warning")
    root.handlers[:] = handlers


def test_a_request_is_one_line_of_json_with_the_facts_of_the_answer(log: Log) -> None:
    observe.log_request(
        request_id="r1",
        operation="approvePayment",
        status=200,
        duration_ms=1.23456,
        org_id="acme",
        sub="s",
        role="admin",
    )
    (line,) = log.lines()
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "request", "level": "info", "request_id": "r1", "operation": "approvePayment", "status": 200,
        "duration_ms": 1.235, "org_id": "acme", "sub": "s", "role": "admin",
    }  # fmt: skip


def test_a_request_nobody_signed_has_no_caller(log: Log) -> None:
    observe.log_request(request_id="r1", operation="live", status=200, duration_ms=1)
    assert {"org_id", "sub", "role"}.isdisjoint(log.lines()[0])


@pytest.mark.parametrize("name", ["notes", "reason", "metadata", "description", "token", "password", "body", "detail"])
def test_a_fact_that_is_not_on_the_list_is_dropped_and_named(log: Log, name: str) -> None:
    observe.info("something happened", port=1, **{name: "what a person wrote"})
    assert "what a person wrote" not in log.text
    assert log.lines()[0]["dropped"] == [name]
    assert log.lines()[0]["port"] == 1


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://vendorpay:hunter2@db/vendorpay", "hunter2"),
        ("postgres://u:p%40ss@/vendorpay?host=/tmp", "p%40ss"),
        (f"the token {TOKEN} is expired", TOKEN),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("connect with password=hunter2 failed", "hunter2"),
        ("stripe says sk_live_12345", "12345"),
        ('ERROR: check\nDETAIL:  Failing row contains (1, "late night call").', "late night call"),
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(log: Log, text: str, secret: str) -> None:
    observe.info("opened", url=text)
    logging.getLogger("psycopg.pool").warning("could not connect: %s", text)
    observe.log_request(request_id=text, operation="x", status=200, duration_ms=1, sub=text)
    assert secret not in log.text
    assert len(log.lines()) == 3


def test_an_error_is_logged_by_type_and_place_never_by_its_message(log: Log) -> None:
    def spoil() -> None:
        try:
            raise KeyError("the driver's phone number")
        except KeyError as error:
            raise psycopg.errors.UniqueViolation("Key (notes)=(call me) exists") from error

    try:
        spoil()
    except psycopg.Error as error:
        observe.log_failure(request_id="r1", error=error)
    (line,) = log.lines()
    assert line["error"] == "psycopg.errors.UniqueViolation"
    assert line["sqlstate"] == "23505"
    assert line["caused_by"] == ["KeyError"]
    assert "test_observe.py" in str(line["raised_at"])
    assert "phone" not in log.text
    assert "call me" not in log.text


def test_what_kept_a_process_from_starting_is_told_in_words_without_its_secrets(log: Log) -> None:
    """Before, `serve` gave up with "the log above says why", and the log said RuntimeError."""
    observe.log_failed_start(RuntimeError("anyio is not installed for postgresql://vendorpay:hunter2@db"))
    observe.log_failed_start(TimeoutError())
    in_words, wordless = log.lines()
    assert in_words["fault"] == "anyio is not installed for postgresql://***@db"
    assert in_words["error"] == "RuntimeError"
    assert "fault" not in wordless


def test_a_service_that_cannot_be_opened_says_why(log: Log) -> None:
    def opening() -> AbstractAsyncContextManager[tuple[Deps, TokenVerifier]]:
        raise RuntimeError("anyio is not installed")

    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "lifespan.startup"}

    async def send(message: MutableMapping[str, object]) -> None:
        sent.append(message["type"])

    with pytest.raises(RuntimeError):
        asyncio.run(App(opening)({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.failed"]
    assert log.lines()[0]["fault"] == "anyio is not installed"


def test_a_long_list_says_how_much_of_it_is_left_out(log: Log) -> None:
    observe.info("migrated", migrations=[f"{number:04d}" for number in range(14)])
    observe.info("partitions are made", partitions=[*range(observe.LISTED_MAX + 2)])
    migrated, made = log.lines()
    assert len(str(migrated["migrations"]).split()) == 14
    assert str(made["partitions"]).endswith(f"{observe.LISTED_MAX - 1}, '.. 2 more']")


def test_what_a_library_logs_is_one_of_our_lines(log: Log) -> None:
    logging.getLogger("vendorpay.adapters.jwks").warning("the signing keys could not be refreshed: %s", "status 500")
    logging.getLogger("uvicorn.error").error("Unexpected\nexit")
    events = [str(line["event"]) for line in log.lines()]
    assert events == ["the signing keys could not be refreshed: status 500", "Unexpected exit"]


def test_a_librarys_exception_is_logged_without_its_message(log: Log) -> None:
    try:
        raise ValueError("hunter2")
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    assert log.lines()[0]["error"] == "ValueError"
    assert "hunter2" not in log.text


def test_the_chatter_of_libraries_is_left_out(log: Log) -> None:
    logging.getLogger("httpcore").info("HTTP Request: GET http://x/?token=1")
    logging.getLogger("psycopg.pool").info("connection requested")
    assert log.text == ""


def test_a_level_leaves_out_what_is_below_it() -> None:
    stream = io.StringIO()
    observe.configure("warning", stream=stream)
    observe.log_request(request_id="r", operation="x", status=200, duration_ms=1)
    observe.info("ordinary")
    observe.warning("unusual")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["unusual"]


def test_text_for_people_has_the_same_facts() -> None:
    stream = io.StringIO()
    observe.configure("info", json=False, stream=stream)
    observe.log_request(request_id="r1", operation="x", status=200, duration_ms=1)
    observe.info("it began", port=8080, notes="secret")
    observe.configure("warning")
    first, second = stream.getvalue().splitlines()
    assert "request_id=r1" in first
    assert 'event="it began"' in second
    assert "port=8080" in second
    assert "secret" not in second


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of debug, info"):
        observe.configure("loud")


def test_a_log_that_nobody_reads_any_more_fails_nothing() -> None:
    stream = io.StringIO()
    observe.configure("info", stream=stream)
    stream.close()
    observe.info("anyone there?")
    observe.configure("warning")


def test_a_long_text_is_cut() -> None:
    assert len(observe.scrub("x" * 10_000)) < 600
