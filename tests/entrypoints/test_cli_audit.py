"""The commands on the audit log: checkpoints written while `serve` runs, held against the log, and read by others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.database import DatabaseUrls, Row, in_status, new_payment, write
from tests.entrypoints.command_line import CommandLine, environment, run_apart
from tests.entrypoints.serving import Serve, eventually, work_completed
from tests.usecases.tampering import attacking, drop_checks
from vendorpay.domain.checkpoint import document_of
from vendorpay.domain.payment import LineItem, content_digest
from vendorpay.entrypoints import embedded_postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


class Audit:
    """`vendorpay audit ..` on one database, and payments in it."""

    def __init__(self, run: CommandLine, urls: DatabaseUrls) -> None:
        self._run = run
        self.urls = urls

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        result = self._run("audit", *arguments, "--database-url", self.urls.owner)
        return result.code, result.out, result.err

    def pay(self) -> Row:
        """One payment, with one entry that signs what it is for."""
        signed: Row = {"incident_id": uuid4(), "vendor_id": uuid4(), "payer_type": "back_office", "currency": "USD"}
        line = LineItem(
            line_item_id=uuid4(), line_no=1, description="Work 1", quantity=1, unit_price_cents=7, total_cents=7
        )
        digest = content_digest(**signed, payer_id=None, amount_cents=7, payee_account_version=0, lines=[line])
        with psycopg.connect(self.urls.app) as connection:
            return write(connection, new_payment(lines=((1, 7),), **signed, digest=digest))


@pytest.fixture
def audit(run: CommandLine, database_urls: DatabaseUrls) -> Audit:
    return Audit(run, database_urls)


def test_without_a_place_new_checkpoints_are_printed_one_on_a_line(audit: Audit) -> None:
    assert audit("checkpoint") == (0, "", "Nothing is new since the last checkpoint.\n")
    audit.pay()
    code, out, err = audit("checkpoint")
    assert (code, err, document_of(out.encode()).checkpoint.to_position) == (0, "", 1)
    assert audit("checkpoint", "--json") == (0, "", "Nothing is new since the last checkpoint.\n")


def test_a_file_and_a_folder_get_everything_they_lack(audit: Audit, tmp_path: Path) -> None:
    file, folder = tmp_path / "all.jsonl", tmp_path / "folder"
    audit.pay()
    code, out, _ = audit("checkpoint", "--out", file)
    assert (code, out) == (0, "checkpoint 1: positions 1 to 1, 1 entries of 1 chains\nhanded over: 1\n")
    assert audit("checkpoint", "--out", file)[:2] == (0, "Nothing is new since the last checkpoint.\n")
    audit.pay()
    code, out, _ = audit("checkpoint", "--out", f"{folder}/", "--json")
    said = json.loads(out)
    assert (code, said["handedOver"], [each["number"] for each in said["made"]]) == (0, [1, 2], [2])
    assert audit("checkpoint", "--out", file)[0] == 0
    assert file.read_bytes() == b"".join((folder / f"checkpoint-{number}.json").read_bytes() for number in (1, 2))
    for kept in (file, folder, folder / "checkpoint-2.json"):
        code, out, err = audit("verify", "--checkpoint", kept)
        assert (code, err) == (0, "")
        assert "up to position 2" in out


def test_a_command_gets_each_on_its_standard_input_until_it_took_it(audit: Audit, tmp_path: Path) -> None:
    audit.pay()
    ship = f'test -e {tmp_path}/open && cat > {tmp_path}/"$CHECKPOINT_FILE"'
    code, _, err = audit("checkpoint", "--to-command", ship)
    assert (code, "exit code 1 for checkpoint 1" in err) == (1, True)
    (tmp_path / "open").touch()
    code, out, _ = audit("checkpoint", "--to-command", ship)
    assert (code, out) == (0, "Nothing is new since the last checkpoint.\nhanded over: 1\n")
    assert audit("checkpoint", "--to-command", ship)[1] == "Nothing is new since the last checkpoint.\n"
    assert document_of((tmp_path / "checkpoint-1.json").read_bytes()).checkpoint.number == 1


def test_ask_16_who_removed_the_newest_payment_is_found_out(audit: Audit, tmp_path: Path) -> None:
    audit.pay()
    victim = audit.pay()["payment_id"]
    assert audit("checkpoint", "--out", tmp_path)[0] == 0
    drop_checks(audit.urls.superuser)
    with attacking(audit.urls.superuser) as attacker:
        attacker.do("DELETE FROM payment_line_items WHERE payment_id = %(id)s", id=victim)
        for table, column in (("payment_audit_log", "subject_id"), ("audit_positions", "subject_id")):
            attacker.do(f"DELETE FROM {table} WHERE {column} = %(id)s", id=victim)
        attacker.do("DELETE FROM payments WHERE payment_id = %(id)s", id=victim)
        attacker.renumber("position")
        attacker.rewrite_checkpoints()
    assert audit("verify")[0] == 0
    code, out, err = audit("verify", "--checkpoint", tmp_path)
    assert (code, "The audit log was tampered with." in out) == (1, True)
    assert f"TAMPERED: checkpoint 1, entry 1 of {victim}, position 2: this entry is gone" in err
    code, out, _ = audit("verify", "--checkpoint", tmp_path / "checkpoint-1.json", "--json")
    said = json.loads(out)
    assert (code, said["clean"], said["checkpoints"]["documents"]) == (1, False, 1)
    assert str(victim) in {fault["subjectId"] for fault in said["checkpoints"]["faults"]}
    assert audit("verify", "--payment", victim, "--checkpoint", tmp_path)[0] == 1


def test_a_month_that_was_moved_away_is_named_and_can_be_explained(audit: Audit) -> None:
    with psycopg.connect(audit.urls.app) as connection:
        at = in_status(connection, "approved")["created_at"]
    with psycopg.connect(audit.urls.superuser) as connection:
        connection.execute(
            f"ALTER TABLE payment_audit_log DETACH PARTITION payment_audit_log_y{at:%Y}m{at:%m}".encode()
        )
    code, out, err = audit("verify")
    assert (code, "TAMPERED" in err, "A part of the audit log is missing." in out) == (1, False, True)
    assert f"say so with --archived {at:%Y-%m}" in err
    assert audit("verify", "--archived", f"{at:%Y-%m}")[0] == 0


def test_wrong_usage_is_told_all_at_once(run: CommandLine, tmp_path: Path) -> None:
    found = run("audit", "verify", "--checkpoint", tmp_path / "none", "--archived", "2026-13", "--payment", "x")
    assert found.code == 2
    for option in ("--checkpoint", "--archived", "--payment"):
        assert option in found.err
    both = run("audit", "checkpoint", "--out", "x", "--to-command", "y", "--database-url", "z")
    assert (both.code, "exclude each other" in both.err, "--database-url" in both.err) == (2, True, True)
    nothing = run("audit", "checkpoint", "--data-dir", tmp_path / "mistyped")
    assert (nothing.code, "There is no database in" in nothing.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
    assert run("audit", "checkpoint", "--out", "").code == 2


@pytest.mark.parametrize("command", ["verify", "checkpoint"])
def test_a_database_without_tables_is_told_to_be_migrated(
    command: str, run: CommandLine, empty_database_urls: DatabaseUrls
) -> None:
    refused = run("audit", command, "--database-url", empty_database_urls.owner)
    assert (refused.code, "vendorpay db migrate" in refused.err) == (1, True)


def test_what_is_no_checkpoint_is_wrong_usage(audit: Audit, tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1.json").write_text("{}")
    code, out, err = audit("verify", "--checkpoint", tmp_path)
    assert (code, out, "checkpoint-1.json is no checkpoint" in err) == (2, "", True)
    (tmp_path / "empty").mkdir()
    assert audit("verify", "--checkpoint", tmp_path / "empty")[0] == 2


def test_a_service_writes_checkpoints_by_itself_and_an_export_verifies_without_us(
    run: CommandLine, tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    kept, exports = tmp_path / "elsewhere", tmp_path / "exports"
    settings = {"VENDORPAY_CHECKPOINT_DIR": str(kept), "VENDORPAY_CHECKPOINT_EVERY_S": "1"}
    serve = Serve(new_data_dir(tmp_path / "data"), settings=settings)
    try:
        serve.wait_until_ready()
        events = tmp_path / "events.jsonl"
        events.write_text("".join(json.dumps(work_completed(number)) + "\n" for number in range(20)))
        token = run_apart("token", "--role", "service", "--data-dir", serve.data_dir).out.strip()
        assert run("events", "publish", events, "--url", serve.url, "--token", token).code == 0
        eventually(lambda: sum(document_of(file.read_bytes()).checkpoint.entries for file in kept.glob("*.json")) == 20)
        assert run("audit", "verify", "--checkpoint", kept, "--data-dir", serve.data_dir).code == 0
        assert exported_and_verified(serve, exports, kept) == (0, "20 entries are as they were written\n")
        tamper(serve)
        assert run("audit", "verify", "--checkpoint", kept, "--data-dir", serve.data_dir).code == 1
        code, said = exported_and_verified(serve, exports, kept)
        assert (code, "changed since checkpoint" in said) == (1, True)
    finally:
        serve.clean_up()


def exported_and_verified(serve: Serve, exports: Path, kept: Path) -> tuple[int, str]:
    """As docs/audit.md tells an auditor to do it."""
    exports.mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "vendorpay", "db", "shell", "--data-dir", str(serve.data_dir)]
    with (ROOT / "scripts" / "export_audit.sql").open("rb") as script:
        subprocess.run(argv, stdin=script, cwd=exports, env=environment(), check=True, timeout=60)
    argv = [sys.executable, "-I", str(ROOT / "scripts" / "verify_audit.py"), str(exports), str(kept)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def tamper(serve: Serve) -> None:
    """One chain rewritten with its head, so that only a checkpoint tells."""
    running = embedded_postgres.running(serve.data_dir)
    assert running is not None
    url = running.superuser_url("vendorpay")
    drop_checks(url)
    with attacking(url) as attacker:
        (victim,) = attacker.rows("SELECT payment_id FROM payments ORDER BY payment_id LIMIT 1")

        def change(entries: list[Row]) -> list[Row]:
            return [{**entries[0], "reason_code": "other"}]

        attacker.rewrite(victim["payment_id"], change)


def test_a_command_killed_while_it_hands_over_is_made_up_for_byte_for_byte(audit: Audit, tmp_path: Path) -> None:
    """kill -9 between the row and the place it goes to, then between that and the note that it went there."""
    audit.pay()
    die = f"test -e {tmp_path}/{{0}} || {{{{ touch {tmp_path}/{{0}}; kill -9 $PPID; sleep 1; exit 1; }}}}"
    ship = f'{die.format("before")}; cat > {tmp_path}/"$CHECKPOINT_FILE"; {die.format("after")}'
    arguments = ("audit", "checkpoint", "--to-command", ship, "--database-url", audit.urls.owner)
    assert run_apart(*arguments).code == -9
    audit.pay()
    assert run_apart(*arguments).code == -9
    again = run_apart(*arguments)
    assert (again.code, again.out.splitlines()[-1]) == (0, "handed over: 1, 2")
    assert audit("checkpoint", "--out", f"{tmp_path}/folder/")[0] == 0
    for name in ("checkpoint-1.json", "checkpoint-2.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "folder" / name).read_bytes()
