"""`vendorpay events tail`: what happened, one a line, through restarts, and never past a gap in silence."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from tests.entrypoints.command_line import CommandLine, environment, run_apart
from tests.entrypoints.serving import Serve, eventually, work_completed
from vendorpay.client import Client
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.cli import asked_service, tailing
from vendorpay.entrypoints.cli.failures import CommandFailed

FAST_S = 20.0


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory, new_data_dir: Callable[[Path], Path]) -> Iterator[Serve]:
    running = Serve(new_data_dir(tmp_path_factory.mktemp("tailed") / "data"))
    try:
        yield running.wait_until_ready()
    finally:
        running.clean_up()


@pytest.fixture(scope="module")
def token(serve: Serve) -> str:
    return run_apart("token", "--role", "service", "--data-dir", serve.data_dir).out.strip()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


def publish(serve: Serve, token: str, *numbers: int) -> None:
    """Payments out of events; returns when the feed has them."""
    before = _end(serve, token)
    reply = serve.ask("POST", "/events", token, [work_completed(number) for number in numbers])
    assert reply.status == 202, reply
    eventually(lambda: _end(serve, token) == before + len(numbers))


def _end(serve: Serve, token: str) -> int:
    return int(serve.ask("GET", "/events?limit=200", token).body["position"])


class Tail:
    """A tail that follows, as a process of its own with its stdout in a pipe."""

    def __init__(self, serve: Serve, token: str, log: Path, *options: str) -> None:
        argv = [sys.executable, "-m", "vendorpay", "events", "tail", "--follow", "--json", "--url", serve.url, *options]
        self.log = log
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                argv, stdout=subprocess.PIPE, stderr=said, env=environment() | {"VENDORPAY_TOKEN": token}
            )
        self._text = b""

    def positions(self, many: int) -> list[int]:
        """The positions of so many lines, which come in time."""
        out = self.process.stdout
        assert out is not None
        deadline = time.monotonic() + FAST_S
        while self._text.count(b"\n") < many:
            assert time.monotonic() < deadline, (self._text, self.log.read_text())
            self._read(out)
        return [json.loads(line)["position"] for line in self._text.splitlines()]

    def _read(self, out: IO[bytes]) -> None:
        if select.select([out], [], [], 0.1)[0]:
            self._text += os.read(out.fileno(), 65536)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(FAST_S)

    def clean_up(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def test_what_happened_is_printed_a_line_each_and_as_envelopes(run: CommandLine, serve: Serve, token: str) -> None:
    publish(serve, token, *range(3))
    first = _end(serve, token) - 3
    asked = ("--url", serve.url, "--token", token)
    shown = run("events", "tail", "--after", first, *asked)
    assert shown.code == 0, shown.err
    cells = [line.split() for line in shown.out.splitlines()]
    assert [cell[0] for cell in cells] == [str(first + number) for number in (1, 2, 3)]
    assert {(cell[2], cell[4], cell[5]) for cell in cells} == {("PaymentCreated", "1", "pending_approval")}
    envelopes = [json.loads(line) for line in run("events", "tail", *asked, "--json").out.splitlines()]
    assert [envelope["position"] for envelope in envelopes] == list(range(1, first + 4))
    assert [envelope["detail"]["paymentId"] for envelope in envelopes[-3:]] == [cell[3] for cell in cells]
    assert run("events", "tail", *asked, "--type", "PaymentCancelled").out == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--after", "-1"), "--after must be a whole number"),
        (("--after", "x"), "--after must be a whole number"),
        (("--type", "WorkCompleted"), "type"),
    ],
)
def test_wrong_usage_is_said(options: tuple[str, ...], words: str, run: CommandLine, serve: Serve, token: str) -> None:
    ended = run("events", "tail", "--url", serve.url, "--token", token, *options)
    assert ended.code == 2
    assert words in ended.err


def test_following_shows_what_comes_through_a_kill_of_the_service_and_ctrl_c_ends_it_well(
    serve: Serve, token: str, tmp_path: Path
) -> None:
    publish(serve, token, 100)
    end = _end(serve, token)
    tail = Tail(serve, token, tmp_path / "said")
    try:
        assert tail.positions(end) == list(range(1, end + 1))
        publish(serve, token, 101)
        assert tail.positions(end + 1)[-1] == end + 1
        again = _restarted(serve)
        try:
            publish(again, token, 102, 103)
            assert tail.positions(end + 3) == list(range(1, end + 4))
        finally:
            serve.process, serve.said = again.process, again.said
        assert tail.end(signal.SIGINT) == 0
        assert "Traceback" not in tail.log.read_text()
        assert f"--after {end + 3}\n" in tail.log.read_text()
    finally:
        tail.clean_up()


def test_a_token_that_expires_ends_it_with_the_position_to_go_on_from(
    serve: Serve, token: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a type nothing may have been printed that would tell it."""
    publish(serve, token, 110)
    end = _end(serve, token)
    expired = run_apart("token", "--role", "service", "--ttl", "-1h", "--data-dir", serve.data_dir).out.strip()
    monkeypatch.setattr(tailing, "POLL_S", 0.01)

    given = iter([token])
    with (
        pytest.raises(CommandFailed, match=r"401.* vendorpay token"),
        asked_service.said(Client(serve.url, lambda: next(given, expired))) as client,
    ):
        tailing.tail(client, 0, follow=True, event_type="PaymentCancelled", as_json=True)
    assert capfd.readouterr().err == f"vendorpay: everything up to position {end} was seen: --after {end}\n"


def _restarted(serve: Serve) -> Serve:
    """Killed, and started again on the same port."""
    serve.process.kill()
    serve.process.wait()
    if serve.process.stdout is not None:
        serve.process.stdout.close()
    return Serve(serve.data_dir, port=int(serve.url.rpartition(":")[2])).wait_until_ready()


def test_a_gap_is_said_with_the_positions(run: CommandLine, serve: Serve, token: str) -> None:
    """Only somebody with superuser rights can make one."""
    publish(serve, token, *range(200, 206))
    end = _end(serve, token)
    postgres = embedded_postgres.running(serve.data_dir)
    assert postgres is not None
    with psycopg.connect(postgres.superuser_url("vendorpay"), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("DELETE FROM feed_positions WHERE position IN (%s, %s)", [end - 2, end - 1])
    ended = run("events", "tail", "--after", end - 4, "--url", serve.url, "--token", token)
    assert ended.code == 1
    assert [line.split()[0] for line in ended.out.splitlines()] == [str(end - 3)]
    assert f"positions {end - 2} to {end - 1} are missing, {end} came after {end - 3}" in ended.err


def test_a_reader_beyond_the_end_is_told_that_it_read_another_feed(run: CommandLine, serve: Serve, token: str) -> None:
    """As after a restore from a backup: it would wait, and miss what gets the positions that it has read."""
    said = run("events", "tail", "--after", 1_000_000, "--url", serve.url, "--token", token)
    assert said.code == 1
    assert "The feed ends at position" in said.err


def test_whoever_reads_the_pipe_may_have_seen_enough(serve: Serve, token: str) -> None:
    publish(serve, token, *range(300, 303))
    argv = [sys.executable, "-m", "vendorpay", "events", "tail", "--follow", "--json", "--url", serve.url]
    after = str(_end(serve, token) - 3)
    read, write = os.pipe()
    os.close(read)
    try:
        ended: Any = subprocess.run(
            [*argv, "--after", after, "--token", token],
            stdout=write,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=FAST_S,
            check=False,
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (1, b"")
