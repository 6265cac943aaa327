"""The commands that act on a running service: publishing, reviewing, verifying."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.entrypoints.command_line import CommandLine, Result, run_apart
from tests.entrypoints.serving import Serve, work_completed
from vendorpay.client import Patience
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.cli import asked_service, event_lines

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory, new_data_dir: Callable[[Path], Path]) -> Iterator[Serve]:
    running = Serve(new_data_dir(tmp_path_factory.mktemp("service") / "data"))
    try:
        yield running.wait_until_ready()
    finally:
        running.clean_up()


@pytest.fixture(scope="module")
def tokens(serve: Serve) -> dict[str, str]:
    return {
        role: run_apart("token", "--role", role, "--data-dir", serve.data_dir).out.strip()
        for role in ("service", "dispatcher", "driver")
    }


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


class Publisher:
    """Publishes files of lines as a service."""

    def __init__(self, run: CommandLine, url: str, token: str, folder: Path) -> None:
        self._run, self._url, self._token, self._file = run, url, token, folder / "events.jsonl"

    def __call__(self, content: bytes, *options: str) -> Result:
        self._file.write_bytes(content)
        return self._run("events", "publish", self._file, "--url", self._url, "--token", self._token, *options)

    def counted(self, content: bytes, *options: str) -> dict[str, Any]:
        """The summary on the last line of stdout."""
        summary: dict[str, Any] = json.loads(self(content, "--json", *options).out.splitlines()[-1])
        return summary


@pytest.fixture
def publish(run: CommandLine, serve: Serve, tokens: dict[str, str], tmp_path: Path) -> Publisher:
    return Publisher(run, serve.url, tokens["service"], tmp_path)


def lines(*numbers: int) -> bytes:
    return b"".join(json.dumps(work_completed(number)).encode() + b"\n" for number in numbers)


def test_a_file_is_published_and_again_it_is_all_duplicates(publish: Publisher) -> None:
    content = lines(*range(1000, 1250))
    first = publish(content, "--json")
    assert (first.code, json.loads(first.out)) == (0, {"accepted": 250, "duplicate": 0, "rejected": 0, "errors": []})
    again = publish(content)
    assert (again.code, again.out) == (0, "accepted 0, duplicate 250, rejected 0\n")
    assert again.err == "", "a bar is for terminals"


def test_batches_under_way_at_once_lose_nothing(publish: Publisher) -> None:
    summary = publish.counted(lines(*range(2000, 2450)), "--concurrency", "4")
    assert summary == {"accepted": 450, "duplicate": 0, "rejected": 0, "errors": []}


def test_a_line_that_is_no_object_is_rejected_and_its_neighbours_are_not(publish: Publisher) -> None:
    bad = [b"[1]", b"{", b'"text"', b'{"a": "\xff"}', b'{"a": 1} {"b": 2}', b'{"a": NaN}', b"[" * 100_000]
    content = lines(3000) + b"\n".join(bad) + b"\n\n  \n" + lines(3001)
    published = publish(content, "--json")
    summary = json.loads(published.out)
    assert published.code == 1
    assert (summary["accepted"], summary["rejected"]) == (2, len(bad))
    assert [error["line"] for error in summary["errors"]] == [2, 3, 4, 5, 6, 7, 8]
    assert {error["reason"] for error in summary["errors"]} == {event_lines.NOT_AN_OBJECT}


def test_an_event_that_does_not_fit_is_rejected_by_its_line_with_its_faults(publish: Publisher) -> None:
    wrong = work_completed(3100)
    del wrong["detail"]["pricing"]
    published = publish(lines(3101) + json.dumps(wrong).encode() + b"\n" + lines(3102), "--json")
    summary = json.loads(published.out)
    assert (published.code, summary["accepted"], summary["rejected"]) == (1, 2, 1)
    assert summary["errors"][0]["line"] == 2
    assert "pricing" in summary["errors"][0]["reason"]


def test_a_last_line_without_an_end_and_one_of_windows_count_too(publish: Publisher) -> None:
    assert publish.counted(lines(3200).replace(b"\n", b"\r\n") + lines(3201).rstrip())["accepted"] == 2


def test_who_may_not_publish_is_told_so(run: CommandLine, serve: Serve, tokens: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(lines(3300))
    refused = run("events", "publish", tmp_path / "e.jsonl", "--url", serve.url, "--token", tokens["driver"], "--json")
    assert refused.code == 1
    assert "403 forbidden" in refused.err
    assert json.loads(refused.out.splitlines()[-1])["accepted"] == 0


def test_wrong_usage_of_the_client_names_every_fault(run: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(lines(1))
    refused = run("events", "publish", tmp_path / "e.jsonl", "--url", "localhost")
    assert refused.code == 2
    assert "--url" in refused.err
    assert "--token" in refused.err
    missing = run("events", "publish", tmp_path / "missing.jsonl", "--url", "localhost", "--concurrency", "33")
    assert missing.code == 2
    named = ("missing.jsonl' does not exist", "--concurrency", "--url", "--token")
    assert [name for name in named if name not in missing.err] == []
    assert "is a directory" in run("events", "publish", tmp_path, "--url", NOBODY, "--token", "t").err


def test_wrong_filters_of_a_list_are_wrong_usage_and_named_together(
    run: CommandLine, serve: Serve, tokens: dict[str, str]
) -> None:
    refused = run("payments", "list", "--limit", "201", "--vendor", "x", "--incident", "y")
    assert refused.code == 2
    named = ("--limit", "--vendor", "--incident", "--token")
    assert [name for name in named if name not in refused.err] == []
    client = ("--url", serve.url, "--token", tokens["dispatcher"])
    unknown = run("payments", "list", "--status", "nope", *client)
    assert (unknown.code, "status: " in unknown.err) == (2, True)
    nameless = run("payments", "approve", "x", "y", "--url", "localhost")
    assert nameless.code == 2
    assert [name for name in ("'x'", "'y'", "--url", "--token") if name not in nameless.err] == []


def test_a_service_that_is_away_is_tried_again_and_then_told(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_service, "PATIENCE", Patience(pause_s_first=0.001))
    (tmp_path / "e.jsonl").write_bytes(lines(1))
    refused = run("events", "publish", tmp_path / "e.jsonl", "--url", NOBODY, "--token", "t")
    assert refused.code == 1
    assert f"{NOBODY} does not answer yet (ConnectionRefusedError); trying again" in refused.err
    assert "did not answer POST /events in 8 attempts" in refused.err


def test_batches_hold_at_most_100_lines_and_4_mib_byte_for_byte() -> None:
    small = list(event_lines.batches(io.BytesIO(b'{"a": 1}\n' * 250)))
    assert [len(batch.lines) for batch in small] == [100, 100, 50]
    assert small[0].body.startswith(b'[{"a": 1},{"a": 1}')
    assert small[-1].end == 250 * 9
    large = b'{"a":"' + b"x" * 1_500_000 + b'"}\n'
    assert [len(batch.lines) for batch in event_lines.batches(io.BytesIO(large * 5))] == [2, 2, 1]


def test_a_line_longer_than_the_service_takes_is_rejected_in_constant_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_lines, "LINE_BYTES_MAX", 10)
    content = b'{"a": 1}\n' + b"x" * 1000 + b'\n{"b": 2}\n'
    (batch,) = event_lines.batches(io.BytesIO(content))
    assert [line.number for line in batch.lines] == [1, 3]
    assert batch.rejected == [(2, event_lines.TOO_LONG)]
    assert batch.end == len(content)


def test_payments_are_listed_shown_and_approved(
    run: CommandLine, serve: Serve, tokens: dict[str, str], publish: Publisher
) -> None:
    publish(lines(4000, 4001))
    client = ("--url", serve.url, "--token", tokens["dispatcher"])
    listed = json.loads(run("payments", "list", "--limit", 2, "--json", *client).out)["payments"]
    ids = [payment["paymentId"] for payment in listed]
    assert "140.0" in run("payments", "list", "--limit", 2, *client).out
    approved = run("payments", "approve", *ids, "--notes", "seen", "--json", *client)
    assert approved.code == 0
    assert [each["status"] for each in json.loads(approved.out)["results"]] == ["approved", "approved"]
    again = run("payments", "approve", ids[0], *client)
    assert again.code == 1
    assert "already_decided" in again.out
    shown = run("payments", "show", ids[0], *client)
    assert "towing - Base Service" in shown.out
    assert json.loads(run("payments", "show", ids[0], "--json", *client).out)["status"] == "approved"
    assert run("payments", "show", "nonsense", *client).code == 2
    missing = run("payments", "show", "00000000-0000-7000-8000-000000000000", *client)
    assert (missing.code, "404 not_found" in missing.err) == (1, True)


def test_payments_are_held_released_sent_back_and_edited(
    run: CommandLine, serve: Serve, tokens: dict[str, str], publish: Publisher
) -> None:
    """Origin 80: there was no way to do any of it."""
    publish(lines(4100, 4101))
    client = ("--url", serve.url, "--token", tokens["dispatcher"])
    ids = [
        payment["paymentId"]
        for payment in json.loads(run("payments", "list", "--limit", 2, "--json", *client).out)["payments"]
    ]

    def shown(payment_id: str) -> dict[str, Any]:
        payment: dict[str, Any] = json.loads(run("payments", "show", payment_id, "--json", *client).out)
        return payment

    held = run("payments", "hold", *ids, "--reason", "no photo", "--reason-code", "other", *client)
    assert (held.code, held.out.count("pending_approval, held")) == (0, 2)
    page = run("payments", "show", ids[0], *client).out
    (hold,) = shown(ids[0])["holds"]
    assert f"manual, by {hold['by']} since {hold['at']}: no photo" in page
    assert [hold["reason"] for hold in shown(ids[0])["holds"]] == ["no photo"]
    refused = run("payments", "approve", *ids, *client)
    assert (refused.code, refused.out.count("payment_held")) == (1, 2)
    assert run("payments", "release", *ids, "--notes", "it came", *client).code == 0
    assert run("payments", "approve", *ids, "--notes", "seen twice", *client).code == 0
    page = run("payments", "show", ids[0], *client).out
    (approval,) = (payment := shown(ids[0]))["approvals"]
    assert f"by {approval['approverId']} (dispatcher) at {approval['at']}: seen twice" in page
    said = {line.split()[0]: line.split(maxsplit=1)[1].strip() for line in page.splitlines() if len(line.split()) > 1}
    assert said["version"] == str(payment["version"])
    assert said["metadata"].split(", ") == list(payment["metadata"])
    undone = run("payments", "undo-approval", ids[0], "--json", *client)
    assert json.loads(undone.out)["results"] == [{"paymentId": ids[0], "status": "pending_approval", "held": False}]
    edited = run("payments", "edit", ids[0], "--metadata", '{"km": 7, "duration": null}', "--reference", "R-1", *client)
    assert (edited.code, "6" in edited.out) == (0, True)
    after = shown(ids[0])
    assert "R-1" in run("payments", "show", ids[0], *client).out
    assert (after["reference"], after["metadata"]["km"], "duration" in after["metadata"]) == ("R-1", 7, False)
    assert after["metadata"]["serviceType"], "what the edit did not name is still there"
    unfit = run("payments", "edit", ids[0], "--reference", " R", *client)
    assert (unfit.code, "400 invalid_request" in unfit.err) == (1, True)
    for wrong in ("[]", "{", "1", "null"):
        assert run("payments", "edit", "x", "--metadata", wrong, *client).code == 2
    nothing = run("payments", "edit", "x", "--url", "localhost")
    assert [name for name in ("'x'", "--metadata or --reference", "--url", "--token") if name not in nothing.err] == []
    assert run("payments", "hold", ids[0], *client).code == 2, "a hold says why"


def test_the_token_may_come_from_the_environment(run: CommandLine, serve: Serve, tokens: dict[str, str]) -> None:
    run.environment.setenv("VENDORPAY_TOKEN", tokens["dispatcher"])
    run.environment.setenv("VENDORPAY_URL", serve.url)
    assert run("payments", "list").code == 0


def test_an_audit_log_verifies_until_somebody_tampers_with_it(
    run: CommandLine, serve: Serve, publish: Publisher
) -> None:
    publish(lines(5000))
    clean = run("audit", "verify", "--json", "--data-dir", serve.data_dir)
    assert (clean.code, json.loads(clean.out)["broken"]) == (0, 0)
    running = embedded_postgres.running(serve.data_dir)
    assert running is not None
    with psycopg.connect(running.superuser_url("vendorpay"), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # A superuser gets past every trigger.
        query = "UPDATE payment_audit_log SET actor_id = 'someone else' WHERE log_id = " + (
            "(SELECT log_id FROM payment_audit_log ORDER BY subject_id DESC LIMIT 1) RETURNING subject_id, log_id"
        )
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    found = run("audit", "verify", "--data-dir", serve.data_dir)
    assert found.code == 1
    assert str(row[0]) in found.err
    assert str(row[1]) in found.err
    assert run("audit", "verify", "--payment", row[0], "--data-dir", serve.data_dir).code == 1
    unknown = run("audit", "verify", "--payment", "00000000-0000-7000-8000-000000000000", "--data-dir", serve.data_dir)
    assert (unknown.code, "There is no payment" in unknown.err) == (1, True)


def test_a_mistyped_directory_is_not_verified_as_an_untouched_log(run: CommandLine, tmp_path: Path) -> None:
    for nothing in (tmp_path / "mistyped", tmp_path, Path("/dev/null")):
        refused = run("audit", "verify", "--data-dir", nothing)
        assert (refused.code, refused.out) == (2, "")
        assert f"There is no database in {nothing}" in refused.err
    assert list(tmp_path.iterdir()) == []
    both = run("audit", "verify", "--payment", "x", "--database-url", "y")
    assert (both.code, "--payment" in both.err, "--database-url" in both.err) == (2, True, True)
