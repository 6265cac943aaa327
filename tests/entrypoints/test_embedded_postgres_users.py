"""As whom the embedded PostgreSQL runs: an ordinary user, root in a namespace, root as somebody else."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.entrypoints.postgres_launchers import Launcher, Python, add_word, ordinary_python, words
from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import binaries, processes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@pytest.fixture
def ordinary() -> Python:
    python = ordinary_python()
    if python is None:
        pytest.skip("no interpreter that another user than root can run, and no user namespaces")
    return python


@pytest.fixture
def their_dir(public_dir: Path, ordinary: Python) -> Path:
    """A directory of the ordinary user's own."""
    home = public_dir / "home"
    home.mkdir(mode=0o700)
    if ordinary.uid is not None:
        os.chown(home, ordinary.uid, ordinary.uid)
    return home


@pytest.fixture
def without_namespaces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without `unshare` (and `setpriv`): nothing is on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("unshare") is None


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def test_an_ordinary_user_runs_it(ordinary: Python, their_dir: Path, launch: Callable[..., Launcher]) -> None:
    data_dir = their_dir / "data"
    first = launch(data_dir, python=ordinary)
    assert "url" in first.said, first.said
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    add_word(first.url, "mine")
    owner = ordinary.uid if ordinary.uid is not None else os.geteuid()
    assert {path.stat().st_uid for path in data_dir.rglob("*")} == {owner}
    first.kill()
    second = launch(data_dir, python=ordinary)
    assert words(second.url) == ["mine"]
    assert second.stop() == "stopped"


@as_root
def test_root_may_run_it_once_on_a_users_directory_without_taking_it_away(
    ordinary: Python, their_dir: Path, launch: Callable[..., Launcher]
) -> None:
    data_dir = their_dir / "data"
    launcher = launch(data_dir, python=ordinary)
    with psycopg.connect(launcher.url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    launcher.stop()
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        add_word(postgres.superuser_url(), "root's")
        if ordinary.uid is not None:
            assert owner_of(postgres.pid) == ordinary.uid
    again = launch(data_dir, python=ordinary)
    assert words(again.url) == ["root's"]


@pytest.mark.skipif(shutil.which("unshare") is None, reason="such a user comes from `unshare` here")
def test_a_user_without_a_name_runs_it(tmp_path: Path, launch: Callable[..., Launcher]) -> None:
    """As in `docker run --user 54321`: initdb insists on a passwd entry."""
    namespace = ("unshare", "-U", "--map-user=54321", "--map-group=54321", "--", sys.executable)
    if not Python(namespace).works():
        pytest.skip("the kernel allows no user namespaces")
    launcher = launch(tmp_path / "data", python=Python(namespace))
    assert "url" in launcher.said, launcher.said
    assert launcher.stop() == "stopped"


@as_root
def test_an_ordinary_user_is_told_whose_directory_it_is(
    ordinary: Python, public_dir: Path, first_data_dir: Path, launch: Callable[..., Launcher]
) -> None:
    if ordinary.uid is None:
        pytest.skip("in a namespace the ordinary user is root outside, so the directory is its own")
    shutil.copytree(first_data_dir, public_dir / "data")
    refused = launch(public_dir / "data", python=ordinary)
    assert refused.said["error"] in {"BelongsToAnotherUser", "DataDirectoryUnusable"}
    nowhere = launch(public_dir / "new", python=ordinary)
    assert nowhere.said["error"] == "DataDirectoryUnusable"
    assert "choose another data directory" in nowhere.said["message"]


@as_root
def test_root_may_be_the_first_on_a_users_directory(
    ordinary: Python, their_dir: Path, launch: Callable[..., Launcher]
) -> None:
    their_dir.chmod(0o755)  # One that root in a namespace could enter as well.
    embedded_postgres.start(their_dir, fsync=False).stop()
    theirs = launch(their_dir, python=ordinary)
    assert "url" in theirs.said, theirs.said


@as_root
def test_root_never_runs_postgres_with_roots_powers(data_dir: Path) -> None:
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        status = Path(f"/proc/{postgres.pid}/status").read_text()
    assert "CapEff:\t0000000000000000" in status


@as_root
def test_root_without_user_namespaces_becomes_somebody_else(public_dir: Path, without_namespaces: None) -> None:
    data_dir = public_dir / "data"
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert owner_of(postgres.pid) != 0
        with psycopg.connect(postgres.superuser_url()) as connection:
            connection.execute("CREATE TABLE kept (word text)")
        add_word(postgres.superuser_url(), "kept")
        assert data_dir.stat().st_mode & 0o777 == 0o711
        assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
    assert not processes.using(data_dir / "postgres", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/usr/bin:/bin")  # A machine with namespaces again.
        with embedded_postgres.start(data_dir, fsync=False) as postgres:
            assert words(postgres.superuser_url(tcp=True)) == ["kept"]


@as_root
def test_a_cluster_of_roots_still_works_where_namespaces_do_not(
    first_data_dir: Path, public_dir: Path, without_namespaces: None
) -> None:
    data_dir = shutil.copytree(first_data_dir, public_dir / "data")
    with embedded_postgres.start(data_dir, fsync=False) as postgres:
        assert words(postgres.superuser_url()) == ["first"]
        assert {owner_of(pid) for pid in processes.using(data_dir / "postgres", None)} == {owner_of(postgres.pid)}
        assert owner_of(postgres.pid) != 0


@as_root
def test_binaries_that_only_root_can_reach_are_copied(
    first_data_dir: Path, public_dir: Path, tmp_path: Path, without_namespaces: None
) -> None:
    """A project under /root (0700), in a container that forbids user namespaces."""
    packaged = next(iter(binaries.candidates()))
    package = packaged.parent.parent
    hidden = tmp_path / "root"
    hidden.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, hidden / part.name, symlinks=True)
    data_dir = shutil.copytree(first_data_dir, public_dir / "data")
    bin_dir = hidden / package.name / "pginstall" / "bin"
    bin_dir.chmod(0o700)  # As a strict umask leaves it.
    for _ in range(2):
        with embedded_postgres.start(data_dir, fsync=False, bin_dir=bin_dir) as postgres:
            assert words(postgres.superuser_url()) == ["first"]
            assert postgres.bin_dir.is_relative_to(data_dir / "postgres-binaries")
    assert len(list((data_dir / "postgres-binaries").iterdir())) == 1


@as_root
def test_a_directory_nobody_else_can_enter_is_explained(tmp_path: Path, without_namespaces: None) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(embedded_postgres.NoUsableIdentity, match=r"(?s)cannot enter.*/var/lib/vendorpay"):
        embedded_postgres.start(tmp_path / "data", fsync=False)
