"""`vendorpay serve` as a whole: ready, asked, hurt, stopped."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.entrypoints.command_line import run_apart
from tests.entrypoints.serving import Serve, command_of, eventually, is_alive, work_completed
from vendorpay.entrypoints import database_home, embedded_postgres, role_passwords
from vendorpay.settings import Settings

Start = Callable[..., Serve]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a `serve`; all are cleaned up when the module ends."""
    launched: list[Serve] = []

    def start(data_dir: Path, *options: str, **more: object) -> Serve:
        launched.append(Serve(data_dir, *options, **more))  # type: ignore[arg-type]
        return launched[-1]

    yield start
    for one in launched:
        one.clean_up()


@pytest.fixture(scope="module")
def serve(started: Start, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """One that every test finds, and leaves, ready."""
    return started(tmp_path_factory.mktemp("serve") / "data", "--workers", "2").wait_until_ready()


@pytest.fixture(scope="module")
def token(serve: Serve) -> str:
    return run_apart("token", "--role", "admin", "--data-dir", serve.data_dir).out.strip()


def superuser(serve: Serve) -> str:
    running = embedded_postgres.running(serve.data_dir)
    assert running is not None
    return running.superuser_url("vendorpay")


def test_it_says_one_line_when_it_is_ready_and_then_is(serve: Serve) -> None:
    assert serve.said == f"vendorpay is ready on {serve.url}\n"
    assert serve.url.startswith("http://127.0.0.1:")
    assert serve.ask("GET", "/health/ready").status == 200
    assert serve.ask("GET", "/health/live").status == 200


def test_fault_62_it_works_as_the_services_role_alone(serve: Serve, token: str) -> None:
    assert serve.ask("GET", "/payments", token).status == 200
    with psycopg.connect(superuser(serve)) as connection:
        query = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'vendorpay'"
        assert connection.execute(query).fetchall() == [("vendorpay_app",)]


def test_no_password_or_token_is_in_its_arguments_its_environment_or_its_log(serve: Serve, token: str) -> None:
    secrets = [*(role_passwords.read(serve.data_dir) or {}).values(), token]
    secrets.append((serve.data_dir / "postgres.password").read_text().strip())
    seen = serve.log.read_bytes()
    for pid in (serve.pid, *serve.workers()):
        seen += command_of(pid) + Path(f"/proc/{pid}/environ").read_bytes()
    assert not [secret for secret in secrets if secret.encode() in seen]


def test_a_second_one_on_the_same_port_is_told_what_to_do(serve: Serve, tmp_path: Path) -> None:
    port = urlsplit(serve.url).port
    refused = run_apart("serve", "--port", port, "--data-dir", tmp_path / "other")
    assert refused.code == 1
    assert f"Port {port} on 127.0.0.1 is in use" in refused.err
    assert refused.out == ""
    assert not (tmp_path / "other").exists()


def test_a_second_one_on_the_same_directory_is_refused(serve: Serve) -> None:
    refused = run_apart("serve", "--port", 0, "--data-dir", serve.data_dir)
    assert refused.code == 1
    assert f"Process {serve.pid} already runs" in refused.err
    assert "Traceback" not in refused.err
    assert serve.is_ready()


def test_a_process_that_dies_is_replaced(serve: Serve) -> None:
    before = serve.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(serve.workers()) == 2 and before[0] not in serve.workers())
    assert serve.is_ready()
    assert "a serving process ended" in serve.events()


def test_a_postgres_that_dies_is_restarted_and_the_service_recovers(serve: Serve, token: str) -> None:
    running = embedded_postgres.running(serve.data_dir)
    assert running is not None
    before = serve.ask("POST", "/events", token, work_completed(1))
    restarts = serve.events().count("PostgreSQL runs again")
    os.kill(running.pid, signal.SIGKILL)
    eventually(lambda: serve.events().count("PostgreSQL runs again") > restarts)
    eventually(lambda: serve.ask("GET", "/payments", token).status == 200)
    eventually(serve.is_ready)
    again = serve.ask("POST", "/events", token, work_completed(1))
    assert again.body["results"][0]["result"] == "duplicate", "what was answered before the crash is still there"
    assert again.body["results"][0]["paymentId"] == before.body["results"][0]["paymentId"]


def test_readiness_says_no_while_postgres_is_away_and_yes_again_after(serve: Serve) -> None:
    running = embedded_postgres.running(serve.data_dir)
    assert running is not None
    # Stopped, not dead: it answers nobody, and nobody can start another one.
    os.kill(serve.pid, signal.SIGSTOP)
    try:
        os.kill(running.pid, signal.SIGKILL)
        eventually(lambda: serve.ask("GET", "/health/ready").status == 503)
        assert serve.ask("GET", "/health/live").status == 200
    finally:
        os.kill(serve.pid, signal.SIGCONT)
    eventually(serve.is_ready)


def test_sigterm_answers_what_it_holds_and_ends_with_0(
    started: Start, tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    serve = started(new_data_dir(tmp_path / "data")).wait_until_ready()
    token = run_apart("token", "--role", "admin", "--data-dir", serve.data_dir).out.strip()
    with psycopg.connect(superuser(serve)) as holder, ThreadPoolExecutor() as pool:
        holder.execute("LOCK TABLE payments IN EXCLUSIVE MODE")
        answer = pool.submit(serve.ask, "POST", "/events", token, work_completed(1))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'vendorpay_app' AND wait_event_type = 'Lock'"
        with psycopg.connect(superuser(serve), autocommit=True) as watcher:
            eventually(lambda: (watcher.execute(waits).fetchone() or (0,))[0])
        serve.process.terminate()
        eventually(lambda: "stopping" in serve.events())
        holder.rollback()
        reply = answer.result(30)
    assert (reply.status, reply.body["results"][0]["result"]) == (202, "accepted")
    assert serve.process.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        serve.ask("GET", "/health/live")
    assert embedded_postgres.running(serve.data_dir) is None
    assert serve.events()[-1] == "stopped"


def test_ctrl_c_in_a_terminal_reaches_all_its_processes_and_still_ends_it_in_order(
    started: Start, tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    serve = started(new_data_dir(tmp_path / "data"), "--workers", "4").wait_until_ready()
    os.killpg(serve.pid, signal.SIGINT)
    assert serve.process.wait(30) == 0
    assert "panicked" not in serve.log.read_text(), "a thread aborted while its process was taken down"
    assert "a serving process ended" not in serve.events()


def test_after_kill_9_nothing_goes_on_and_the_next_one_takes_over(
    started: Start, tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    serve = started(new_data_dir(tmp_path / "data"), "--workers", "2").wait_until_ready()
    token = run_apart("token", "--role", "admin", "--data-dir", serve.data_dir).out.strip()
    accepted = serve.ask("POST", "/events", token, work_completed(1))
    workers = serve.workers()
    assert len(workers) == 2
    os.kill(serve.pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, workers)))
    again = started(serve.data_dir, port=urlsplit(serve.url).port).wait_until_ready(timeout_s=30)
    assert again.url == serve.url
    payment = again.ask("GET", f"/payments/{accepted.body['results'][0]['paymentId']}", token)
    assert payment.status == 200
    assert again.stop() == 0


def test_it_works_on_a_database_that_is_given_by_url(started: Start, serve: Serve, tmp_path: Path) -> None:
    with database_home.for_command(Settings(data_dir=serve.data_dir)) as home:
        url = home.urls.owner
    other = started(tmp_path / "data", settings={"VENDORPAY_DATABASE_URL": url}).wait_until_ready()
    token = run_apart("token", "--role", "admin", "--data-dir", other.data_dir).out.strip()
    assert other.ask("GET", "/payments", token).status == 200
    assert not (other.data_dir / "postgres").exists(), "no embedded one was started"
    assert other.stop() == 0
    assert serve.is_ready()


def test_it_ends_at_once_when_the_database_by_url_is_away(tmp_path: Path) -> None:
    refused = run_apart(
        "serve", "--port", 0, "--data-dir", tmp_path, "--database-url", "postgresql://u:pw1@127.0.0.1:1/x"
    )
    assert refused.code == 1
    assert "The database does not answer" in refused.err
    assert "pw1" not in refused.err


def test_wrong_settings_are_all_named_before_anything_starts(tmp_path: Path) -> None:
    refused = run_apart("serve", "--port", "http", "--workers", "0", "--data-dir", tmp_path / "data")
    assert refused.code == 2
    assert "--port" in refused.err
    assert "--workers" in refused.err
    assert not (tmp_path / "data").exists()


def test_an_address_of_another_machine_is_refused_with_advice(tmp_path: Path) -> None:
    refused = run_apart("serve", "--host", "192.0.2.1", "--port", 0, "--data-dir", tmp_path / "data")
    assert refused.code == 1
    assert "127.0.0.1 always works" in refused.err


def test_a_port_held_by_a_listener_that_shares_is_refused_too(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        refused = run_apart("serve", "--port", holder.getsockname()[1], "--data-dir", tmp_path / "data")
    assert refused.code == 1
    assert "is in use" in refused.err
