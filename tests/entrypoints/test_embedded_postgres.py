"""The embedded PostgreSQL in ordinary times: it starts, keeps data, lets in who should be, and stops."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.entrypoints.postgres_launchers import Launcher, add_word, words
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import RunningPostgres, configuration, processes
from vendorpay.entrypoints.embedded_postgres.layout import Layout
from vendorpay.entrypoints.embedded_postgres.server_log import ServerLog

PROMPT_S = 6.0
"""Of 0.06 s on an idle machine; a stop whose first signal was not heard takes eight (processes.FIRM)."""


@pytest.fixture(scope="module")
def postgres(first_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """One server for the tests that only look at it."""
    data_dir = shutil.copytree(first_data_dir, tmp_path_factory.mktemp("shared") / "data")
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        yield postgres


def test_a_new_directory_gets_a_cluster_that_is_as_we_want_it(tmp_path: Path) -> None:
    with (
        embedded_postgres.start(tmp_path / "deep" / "data") as postgres,
        psycopg.connect(postgres.superuser_url()) as connection,
    ):
        names = ("fsync", "full_page_writes", "synchronous_commit", "timezone", "password_encryption",
                 "server_encoding", "listen_addresses", "data_checksums", "max_connections")  # fmt: skip
        shown = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]
    assert [row[0] for row in shown if row] == [
        "on", "on", "on", "UTC", "scram-sha-256", "UTF8", "127.0.0.1", "on", "100",
    ]  # fmt: skip
    assert postgres.major >= 15


def test_data_and_port_survive_a_restart(data_dir: Path) -> None:
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        add_word(postgres.superuser_url(tcp=True), "second")
        port = postgres.port
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["first", "second"]
        assert postgres.port == port


def test_a_port_that_was_taken_meanwhile_is_given_up(data_dir: Path) -> None:
    last = int((data_dir / "postgres.port").read_text())
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else has it already
            squatter.bind(("127.0.0.1", last))
            squatter.listen()
        with embedded_postgres.start(data_dir, fsync=False) as postgres:
            assert postgres.port != last
            assert words(postgres.superuser_url(tcp=True)) == ["first"]


def test_starting_on_existing_data_and_stopping_are_prompt(data_dir: Path) -> None:
    began = time.monotonic()
    postgres = embedded_postgres.start(data_dir, fsync=False)
    started = time.monotonic()
    assert started - began < PROMPT_S
    assert postgres.alive()
    postgres.stop()
    assert time.monotonic() - started < PROMPT_S
    assert not postgres.alive()
    postgres.stop()  # A second one is harmless.


def test_stopping_does_not_wait_long_for_a_client_that_stays(data_dir: Path) -> None:
    postgres = embedded_postgres.start(data_dir, fsync=False)
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as client:
        began = time.monotonic()
        postgres.stop()
        assert time.monotonic() - began < PROMPT_S
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")


@pytest.mark.parametrize("tcp", [False, True], ids=["socket", "port"])
def test_nobody_gets_in_without_the_right_password(postgres: RunningPostgres, tcp: bool) -> None:
    assert words(postgres.superuser_url(tcp=tcp)) == ["first"]
    for password in ("wrong", "x" * 43):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(postgres.url("postgres", password, "postgres", tcp=tcp))
    host = "127.0.0.1" if tcp else str(postgres.socket_dir)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=host, port=postgres.port, user="postgres", dbname="postgres", passfile="/dev/null")


def test_odd_names_and_passwords_fit_in_a_url(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("""CREATE ROLE "r@le/x" LOGIN PASSWORD 'p:@/?#% w'""")
    for tcp in (False, True):
        with psycopg.connect(postgres.url("r@le/x", "p:@/?#% w", "postgres", tcp=tcp)) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("r@le/x",)


def test_everything_in_the_directory_is_private(postgres: RunningPostgres) -> None:
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in postgres.data_dir.iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert {"postgres", "postgres.log", "postgres.password", "postgres.socket", "serve.lock"} <= modes.keys()
    assert postgres.superuser_password not in repr(postgres)
    command = Path(f"/proc/{postgres.pid}/cmdline")
    assert not command.exists() or postgres.superuser_password not in command.read_text()


def test_a_path_with_odd_characters_works(data_dir: Path, public_dir: Path) -> None:
    odd = data_dir.rename(public_dir / 'a b,"c"%é')
    with embedded_postgres.start(odd, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["first"]


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(data_dir: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    data_dir.rename(deep)
    with embedded_postgres.start(deep, fsync=False) as postgres:
        sockets = postgres.socket_dir
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert words(postgres.superuser_url()) == ["first"]
        attached = embedded_postgres.running(deep)
        assert attached is not None
        assert words(attached.superuser_url()) == ["first"]
    assert not sockets.exists()


def test_another_process_finds_the_running_one_and_cannot_stop_it(
    data_dir: Path, launch: Callable[..., Launcher]
) -> None:
    assert embedded_postgres.running(data_dir) is None
    launcher = launch(data_dir)
    attached = embedded_postgres.running(data_dir)
    assert attached is not None
    assert attached.pid == launcher.postgres_pid
    assert attached.alive()
    assert words(attached.superuser_url()) == ["first"]
    assert (attached.bin_dir / "postgres").is_file()
    assert not hasattr(attached, "stop")
    assert launcher.stop() == "stopped"
    assert not attached.alive()
    assert embedded_postgres.running(data_dir) is None
    assert embedded_postgres.running(data_dir / "nowhere") is None


def test_a_second_start_is_refused_while_the_first_lives(data_dir: Path, launch: Callable[..., Launcher]) -> None:
    first = launch(data_dir)
    with pytest.raises(embedded_postgres.AlreadyRunning, match="Stop that process") as refused:
        embedded_postgres.start(data_dir, fsync=False)
    assert refused.value.facts["pid"] == str(first.process.pid)
    assert words(first.url) == ["first"]
    assert first.stop() == "stopped"
    embedded_postgres.start(data_dir, fsync=False).stop()


def test_a_second_start_in_the_same_process_is_refused_too(postgres: RunningPostgres) -> None:
    with pytest.raises(embedded_postgres.AlreadyRunning):
        embedded_postgres.start(postgres.data_dir, fsync=False)
    assert postgres.alive()


def test_it_outlives_the_thread_that_started_it(data_dir: Path) -> None:
    """The parent-death signal fires when a thread ends; a pool's thread ends when it has been idle."""
    started: list[embedded_postgres.RunningPostgres] = []
    thread = threading.Thread(target=lambda: started.append(embedded_postgres.start(data_dir, fsync=False)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with started[0] as postgres:
        assert words(postgres.superuser_url()) == ["first"]


def test_ctrl_c_in_the_terminal_does_not_reach_it(postgres: RunningPostgres) -> None:
    assert os.getsid(postgres.pid) != os.getsid(0)
    assert os.getpgid(postgres.pid) != os.getpgid(0)


def test_a_forked_child_neither_stops_it_nor_holds_its_lock(data_dir: Path, launch: Callable[..., Launcher]) -> None:
    """Servers fork their workers: one that lives on must not keep the directory from the next serve."""
    postgres = embedded_postgres.start(data_dir, fsync=False)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write_end)
        postgres.stop()
        os.read(read_end, 1)  # Lives until the parent closes its end.
        os._exit(0)
    os.close(read_end)
    try:
        assert words(postgres.superuser_url()) == ["first"]
        postgres.stop()
        embedded_postgres.start(data_dir, fsync=False).stop()
    finally:
        os.close(write_end)
        assert os.waitpid(child, 0)[1] == 0


def test_the_log_is_kept_small_while_it_is_written_to(postgres: RunningPostgres) -> None:
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        for number in range(40):
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute(f"SELECT '{'x' * 500}' FROM missing_{number}")
        log = ServerLog(Layout.of(postgres.data_dir), limit=4096)
        log.trim()
        assert log.size() == 0
        older = postgres.data_dir / "postgres.log.1"
        assert older.stat().st_size == 4096
        assert "missing_39" in older.read_text()
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT 1 FROM missing_again")
    assert "missing_again" in log.path.read_text()


def test_the_callers_settings_win_except_those_that_guard_the_door(data_dir: Path) -> None:
    with (
        embedded_postgres.start(data_dir, fsync=False, settings={"max_connections": "17"}) as postgres,
        psycopg.connect(postgres.superuser_url()) as connection,
    ):
        assert connection.execute("SHOW max_connections").fetchone() == ("17",)
    for name in (*configuration.PROTECTED, "Listen_Addresses"):
        with pytest.raises(embedded_postgres.ProtectedSetting, match=name):
            embedded_postgres.start(data_dir, fsync=False, settings={name: "x"})


def test_psql_of_the_same_installation_gets_in(postgres: RunningPostgres) -> None:
    psql = postgres.bin_dir / "psql"
    asked = subprocess.run(
        [psql, "-XAtc", "SELECT word FROM kept", postgres.superuser_url()], capture_output=True, check=True
    )
    assert asked.stdout == b"first\n"
    assert quote(str(postgres.socket_dir), safe="") in postgres.superuser_url()


def test_signals_that_stop_a_process_are_the_ones_postgres_knows() -> None:
    assert [step[0] for step in processes.POLITE] == [
        signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL,
    ]  # fmt: skip
    # A takeover leaves time to be ready within 30 s.
    assert sum(patience for _, patience in (*processes.FIRM, *processes.ORPHANS)) <= 20
