"""kill -9 of `serve` under load: the next one is ready in time, and what was answered is there, once and whole."""

import asyncio
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.faults.dying import SOAK, path_without_setpriv, rounds, seed_of
from tests.faults.load import Load, Notes
from tests.faults.reconciling import reconcile
from tests.scenarios.asking import Office, client_of
from tests.scenarios.serving import READY_S_MAX, Serve

ROUNDS_SOAK = 20


@pytest.mark.anyio
@pytest.mark.skipif(not SOAK, reason="both deaths are among those of test_subscriber; here they come in series")
@pytest.mark.timeout(1800)
async def test_after_kill_9_nothing_that_was_answered_is_lost_or_doubled_or_half_there(tmp_path: Path) -> None:
    """In turn of the parent alone, and of it, its processes and PostgreSQL together."""
    rng, notes = seed_of("kill -9"), Notes()
    with Serve(tmp_path / "home") as serve:
        office = _first_start(serve)
        for number in range(rounds(2, ROUNDS_SOAK)):
            load = Load(serve.url, office, notes, rng)
            load.start()
            try:
                await _a_random_moment(load, rng)
                (serve.kill_everything if number % 2 else serve.kill)()
                assert await asyncio.to_thread(serve.start) <= READY_S_MAX
                await load.reach(50)
            finally:
                await load.stop()
            await asyncio.to_thread(reconcile, notes, serve.books_url())


@pytest.mark.anyio
@pytest.mark.timeout(1800)
async def test_a_postgresql_that_survived_the_kill_does_not_stand_in_the_way(
    tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    """It is busy, even: somebody's transaction is open on it."""
    rng, notes = seed_of("kill -9, PostgreSQL survives"), Notes()
    new_data_dir(tmp_path / "home" / "data")
    with Serve(tmp_path / "home", path=path_without_setpriv(tmp_path / "bin")) as serve:
        office = _first_start(serve)
        for _ in range(rounds(1, ROUNDS_SOAK)):
            load = Load(serve.url, office, notes, rng)
            load.start()
            try:
                await _a_random_moment(load, rng)
                survivor = serve.postgres()
                serve.kill()
                with closing(psycopg.connect(survivor.superuser_url())) as somebody:
                    somebody.execute("SELECT pg_current_xact_id()")
                    assert await asyncio.to_thread(serve.start) <= READY_S_MAX
                assert serve.postgres().pid != survivor.pid
                await load.reach(50)
            finally:
                await load.stop()
            await asyncio.to_thread(reconcile, notes, serve.books_url())


def _first_start(serve: Serve) -> Office:
    serve.start()
    with client_of(serve) as client:
        return Office(serve, client)


async def _a_random_moment(load: Load, rng: random.Random) -> None:
    await load.reach(1)
    await asyncio.sleep(rng.uniform(0.05, 1.5))
