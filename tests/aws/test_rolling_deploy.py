"""A deploy: old code works on while the schema moves (pre), beside the new code, and is gone before the rest (post)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.aws import working_life
from tests.aws.runtime_api import lambda_function
from tests.aws.told import count, rows, told
from tests.database import DatabaseUrls
from tests.usecases.world import SOAK, open_world, rounds
from vendorpay.entrypoints.aws.functions import MIGRATIONS_HANDLER
from vendorpay.store.migrate import shipped

ROOT = Path(__file__).parents[2]
MIGRATIONS = "src/vendorpay/store/migrations"
BEFORE_AWS = "5cf14dc53a26e5a3a5785dc758b42dbc3bf2e185"
"""The last version before there was anything of AWS, fraud or policies in the schema: whoever skipped releases."""
MIGRATE = "import asyncio, sys; from vendorpay.store.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"
PATIENCE_S = 60.0
LOOKED_AT_MAX = 100


@pytest.fixture(scope="module", params=["the version before", "the version before AWS"])
def old_tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old version's files."""
    if not (ROOT / ".git").exists():
        left_out("these sources came without their repository")
    commit = the_version_before() if request.param == "the version before" else BEFORE_AWS
    if commit is None:
        left_out(f"no older version among the last {LOOKED_AT_MAX} changes of migrations: git fetch --unshallow")
    made = subprocess.run(["git", "archive", commit, "src", "tests"], cwd=ROOT, capture_output=True, check=False)
    if made.returncode:
        said = made.stderr.decode().strip()
        left_out(f"this clone's history does not reach back to {commit}: git fetch --unshallow ({said})")
    tree = tmp_path_factory.mktemp("old")
    subprocess.run(["tar", "-x", "-C", str(tree)], input=made.stdout, check=True)
    return tree


def the_version_before() -> str | None:
    """The newest commit that lacks a migration of ours, and has the others as they are; None in a shallow clone."""
    ours = {name: hash_of(name) for name in sorted(os.listdir(ROOT / MIGRATIONS)) if name.endswith(".sql")}
    changes = git("log", f"--max-count={LOOKED_AT_MAX}", "--format=%H", "--", MIGRATIONS).split()
    for commit in ("HEAD", *(f"{change}^" for change in changes)):
        # An entry is: mode, type, hash, a tab, the path.
        found = [line.split("\t") for line in git("ls-tree", f"{commit}:{MIGRATIONS}").splitlines()]
        theirs = {name: about.split()[2] for about, name in found if name.endswith(".sql")}
        if theirs and len(theirs) < len(ours) and theirs.items() <= ours.items():
            return commit
    return None


def left_out(why: str) -> NoReturn:
    """Without an old version there is nothing to test: conftest.py says so at the very end, and a soak fails."""
    (pytest.fail if SOAK else pytest.skip)(why)


def hash_of(name: str) -> str:
    """A migration's, as git names it."""
    return git("hash-object", f"{MIGRATIONS}/{name}").strip()


def git(*arguments: str) -> str:
    """What git says; nothing for a commit that is not there."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout


def migrations_of(tree: Path) -> int:
    """How many a version ships."""
    return len(list((tree / MIGRATIONS).glob("*.sql")))


class Life:
    """One version at work in a process of its own."""

    def __init__(self, tree: Path, urls: DatabaseUrls, stop: Path) -> None:
        self._stop = stop
        self._said, self._complained = stop.with_suffix(".said"), stop.with_suffix(".complained")
        with self._said.open("wb") as said, self._complained.open("wb") as complained:
            self._process = subprocess.Popen(
                [sys.executable, working_life.__file__, json.dumps(asdict(urls)), str(stop)],
                cwd=tree,
                env=of_tree(tree),
                stdout=said,
                stderr=complained,
            )

    def lives_on(self, many: int) -> None:
        """Waits for so many lives more."""
        until, deadline = self._lives() + many, time.monotonic() + PATIENCE_S
        while self._lives() < until:
            assert self._process.poll() is None, self._complained.read_text()
            assert time.monotonic() < deadline, "it stands still"
            time.sleep(0.02)

    def end(self) -> dict[str, int]:
        """What it has done; fails when anything went wrong."""
        self._stop.touch()
        assert self._process.wait(PATIENCE_S) == 0, self._complained.read_text()
        done: dict[str, int] = json.loads(self._said.read_text().splitlines()[-1])
        return done

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _lives(self) -> int:
        return self._said.read_text().splitlines().count("alive")


def of_tree(tree: Path) -> dict[str, str]:
    """An environment in which that version is what is imported."""
    return {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"}


@contextmanager
def at_work(tree: Path, urls: DatabaseUrls, stop: Path) -> Iterator[Life]:
    life = Life(tree, urls, stop)
    try:
        yield life
    finally:
        life.kill()


def test_old_and_new_code_work_side_by_side_once_pre_has_run(
    old_tree: Path, empty_database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    urls, many = empty_database_urls, rounds(5, 500)
    subprocess.run([sys.executable, "-c", MIGRATE, urls.owner], env=of_tree(old_tree), check=True)
    assert count(urls, "schema_migrations") == migrations_of(old_tree)
    given: dict[str, Any] = told("migrations", urls, VENDORPAY_DATABASE_URL=urls.owner)
    with lambda_function(MIGRATIONS_HANDLER, given) as migrations, at_work(old_tree, urls, tmp_path / "old") as old:
        old.lives_on(many)
        ran = migrations.invoke({"phase": "pre"}, timeout_s=60)["ran"]
        assert ran == [one.name for one in shipped()[migrations_of(old_tree) :] if one.phase == "pre"]
        old.lives_on(many)
        with at_work(ROOT, urls, tmp_path / "new") as new:
            new.lives_on(many)
            old.lives_on(many)
            done = [old.end()]
            migrations.invoke({"phase": "post"}, timeout_s=60)
            new.lives_on(many)
            done.append(new.end())
    assert count(urls, "schema_migrations") == len(shipped())
    assert count(urls, "payments") == sum(one["created"] + one["recorded"] for one in done)
    statuses = {row["status"]: row["n"] for row in rows(urls, "SELECT status, count(*) AS n FROM payments GROUP BY 1")}
    assert statuses["cancelled"] == sum(one["cancelled"] for one in done)
    assert statuses["rejected"] == sum(one["rejected"] for one in done)
    assert asyncio.run(is_clean(urls)), "the record verifies, whoever wrote it"


async def is_clean(urls: DatabaseUrls) -> bool:
    async with open_world(urls) as world:
        return (await world.audit()).clean
