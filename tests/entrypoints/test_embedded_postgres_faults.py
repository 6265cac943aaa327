"""The embedded PostgreSQL when things die: the launcher, the server, one backend, initdb half-way, the disk."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from tests.entrypoints.postgres_launchers import Launcher, add_word, words
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import endpoints, pidfile, processes

READY_S = 30  # So the contract; a quiet machine needs less than one.


def ends_within(pid: int, data_dir: Path, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while processes.using_among({pid}, data_dir / "postgres"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_survivor_of_a_killed_launcher_is_stopped_and_replaced(
    data_dir: Path, launch: Callable[..., Launcher]
) -> None:
    launcher = launch(data_dir, die_with_launcher=False)
    with psycopg.connect(launcher.url, autocommit=True) as client:
        add_word(launcher.url, "committed")
        launcher.kill()
        client.execute("SELECT 1")  # It did survive.
        began = time.monotonic()
        with embedded_postgres.start(data_dir, fsync=False) as postgres:
            assert time.monotonic() - began < READY_S
            assert postgres.pid != launcher.postgres_pid
            assert ends_within(launcher.postgres_pid, data_dir, 0)
            assert words(postgres.superuser_url()) == ["committed", "first"]


def test_a_survivor_that_hears_no_signal_is_killed(data_dir: Path, launch: Callable[..., Launcher]) -> None:
    """A stopped process answers only SIGKILL: the start must not wait for it for ever."""
    launcher = launch(data_dir, die_with_launcher=False)
    add_word(launcher.url, "committed")
    launcher.kill()
    os.kill(launcher.postgres_pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        # The same steps, with less patience: the suite has better uses for eleven seconds.
        hurried = [(number, s if number == signal.SIGKILL else 0.3) for number, s in processes.FIRM]
        patch.setattr(processes, "FIRM", hurried)
        postgres = embedded_postgres.start(data_dir, fsync=False)
    with postgres:
        assert time.monotonic() - began < READY_S
        assert words(postgres.superuser_url()) == ["committed", "first"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="without setpriv PostgreSQL survives its launcher")
def test_a_killed_launcher_takes_postgres_along(data_dir: Path, launch: Callable[..., Launcher]) -> None:
    launcher = launch(data_dir)
    add_word(launcher.url, "committed")
    launcher.kill()
    assert ends_within(launcher.postgres_pid, data_dir, 30)
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["committed", "first"]


def test_a_start_right_behind_a_kill_waits_for_the_dying_server(
    data_dir: Path, launch: Callable[..., Launcher]
) -> None:
    for number in range(3):
        launcher = launch(data_dir)
        add_word(launcher.url, f"round {number}")
        launcher.kill()
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["first", "round 0", "round 1", "round 2"]


def test_committed_rows_survive_a_kill_of_postgres(data_dir: Path) -> None:
    postgres = embedded_postgres.start(data_dir, fsync=False)
    add_word(postgres.superuser_url(), "committed")
    os.kill(postgres.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while postgres.alive():  # a busy kernel takes a moment between its last breath and its burial
        assert time.monotonic() < deadline
        time.sleep(0.01)
    postgres.stop()
    with embedded_postgres.start(data_dir, fsync=False) as again:
        assert words(again.superuser_url()) == ["committed", "first"]


def test_a_busy_backend_of_a_killed_postgres_does_not_block_the_next_start(data_dir: Path) -> None:
    """A backend in the middle of a computation does not notice; PostgreSQL alone would refuse to start."""
    postgres = embedded_postgres.start(data_dir, fsync=False)
    client = psycopg.connect(postgres.superuser_url(), autocommit=True)
    with closing(client):
        backend = client.info.backend_pid
        client.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 10000000000) AS n")
        begun = (
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query LIKE '%%generate_series%%'"
        )
        deadline = time.monotonic() + READY_S
        with psycopg.connect(postgres.superuser_url(), autocommit=True) as watcher:
            while not watcher.execute(begun, [backend]).fetchone():
                assert time.monotonic() < deadline
                time.sleep(0.01)
        os.kill(postgres.pid, signal.SIGKILL)
        postgres.stop()
        assert processes.using_among({backend}, data_dir / "postgres"), "the fault did not happen"
        with embedded_postgres.start(data_dir, fsync=False) as again:
            assert not processes.using_among({backend}, data_dir / "postgres")
            assert words(again.superuser_url()) == ["first"]


def test_a_kill_of_one_backend_is_recovered_by_postgres_itself(data_dir: Path) -> None:
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        with psycopg.connect(postgres.superuser_url(), autocommit=True) as client:
            os.kill(client.info.backend_pid, signal.SIGKILL)
        deadline = time.monotonic() + READY_S
        while True:
            try:
                assert words(postgres.superuser_url()) == ["first"]
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert postgres.alive()


@pytest.mark.parametrize("content", ["reused", "dead", "", "garbage\n"])
def test_a_stale_postmaster_pid_is_no_obstacle(data_dir: Path, content: str) -> None:
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        path = data_dir / "postgres" / "postmaster.pid"
        left = path.read_text()
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        number = {"reused": str(bystander.pid), "dead": str(pidfile.NOBODY)}.get(content)
        path.write_text(left.replace(str(postgres.pid), number) if number else content)
        path.chmod(0o600)
        assert embedded_postgres.running(data_dir) is None
        with embedded_postgres.start(data_dir, fsync=False) as again:
            assert words(again.superuser_url()) == ["first"]
        assert bystander.poll() is None, "an unrelated process must never be killed"
    finally:
        bystander.communicate(b"\n")


def test_an_initdb_that_was_killed_half_way_is_done_again(tmp_path: Path, launch: Callable[..., Launcher]) -> None:
    data_dir = tmp_path / "data"
    half_way = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path;"
         "from vendorpay.entrypoints import embedded_postgres;"
         "embedded_postgres.start(Path(sys.argv[1]), fsync=False)", str(data_dir)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    while not list(data_dir.glob("postgres.init-*/cluster/base/1")):
        assert half_way.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    half_way.kill()
    half_way.wait()
    assert not (data_dir / "postgres").exists()
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        with psycopg.connect(postgres.superuser_url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert list(data_dir.glob("postgres.init-*")) == []


def test_a_lost_password_file_is_replaced_and_a_wrong_one_is_named(data_dir: Path) -> None:
    secret = data_dir / "postgres.password"
    right = secret.read_text()
    secret.write_text("wrong\n")
    with pytest.raises(embedded_postgres.SecretRefused, match="or delete it"):
        embedded_postgres.start(data_dir, fsync=False)
    secret.unlink()
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["first"]
        assert postgres.superuser_password != right.strip()


def test_a_cluster_of_another_major_version_is_refused_and_left_alone(data_dir: Path) -> None:
    version = data_dir / "postgres" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("14\n")
    with pytest.raises(embedded_postgres.MajorVersionMismatch, match=r"(?s)made by PostgreSQL 14.*dump with 14"):
        embedded_postgres.start(data_dir, fsync=False)
    version.write_text(made_by)
    embedded_postgres.start(data_dir, fsync=False).stop()


def test_files_that_are_no_cluster_are_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "postgres" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(embedded_postgres.NotOurCluster, match="Move them away"):
        embedded_postgres.start(tmp_path, fsync=False)
    assert mine.read_text() == "mine"


def test_missing_and_old_binaries_are_named(tmp_path: Path) -> None:
    with pytest.raises(embedded_postgres.BinariesNotFound, match=f"Looked at: {tmp_path}"):
        embedded_postgres.start(tmp_path / "data", bin_dir=tmp_path)
    for program in ("postgres", "initdb"):
        (tmp_path / program).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
        (tmp_path / program).chmod(0o755)
    with pytest.raises(embedded_postgres.UnsupportedVersion, match=r"PostgreSQL 14.9; 15 or later"):
        embedded_postgres.start(tmp_path / "data", bin_dir=tmp_path)


def test_a_start_that_fails_says_what_postgres_said_and_can_be_repeated(data_dir: Path) -> None:
    with pytest.raises(embedded_postgres.StartFailed, match=r"(?s)postgres\.log.*no_such_setting"):
        embedded_postgres.start(data_dir, fsync=False, settings={"no_such_setting": "1"})
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["first"]


def test_a_disk_that_takes_no_more_is_reported_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: initdb's writes fail in the middle."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, limits[1]))
    try:
        with pytest.raises(embedded_postgres.InitFailed, match=r"(?s)Its last words:\n.*") as failed:
            embedded_postgres.start(tmp_path / "data", fsync=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "initdb" in str(failed.value)
    assert not list((tmp_path / "data").glob("postgres*/"))
    embedded_postgres.start(tmp_path / "data", fsync=False).stop()


def test_a_path_that_is_no_directory_is_refused_clearly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(embedded_postgres.DataDirectoryUnusable, match="choose another data directory"):
        embedded_postgres.start(tmp_path / "file" / "data")


def test_a_port_lost_between_choosing_and_binding_is_replaced(data_dir: Path) -> None:
    """Another process may take the port in between; a probe that sees nothing stands in for the moment."""
    last = int((data_dir / "postgres.port").read_text())
    with socket.socket() as squatter, pytest.MonkeyPatch.context() as patch:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else has it already
            squatter.bind(("127.0.0.1", last))
            squatter.listen()
        patch.setattr(endpoints, "_is_free", lambda port: True)
        with embedded_postgres.start(data_dir, fsync=False) as postgres:
            assert postgres.port != last
            assert words(postgres.superuser_url(tcp=True)) == ["first"]
