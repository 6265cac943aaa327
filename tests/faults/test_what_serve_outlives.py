"""PostgreSQL and serving processes die under load; `serve` lives on and nobody's answer was wrong."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.dying import OUTLIVED, SOAK, rounds, seed_of
from tests.faults.load import Load, Notes
from tests.faults.reconciling import reconcile
from tests.scenarios.asking import Office, client_of
from tests.scenarios.serving import Serve, serving

ROUNDS_SOAK = 15


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory, new_data_dir: Callable[[Path], Path]) -> Iterator[Serve]:
    """One service that has to get over everything."""
    home = tmp_path_factory.mktemp("serve")
    new_data_dir(home / "data")
    with serving(home) as serve:
        yield serve
        assert serve.terminate() == 0, serve.words()


@pytest.fixture(scope="module")
def notes() -> Notes:
    """What was asked for in all these tests: what an earlier one was answered must outlive a later fault too."""
    return Notes()


@pytest.mark.anyio
@pytest.mark.skipif(not SOAK, reason="each of these deaths is among those of test_subscriber; here they come in series")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dies", OUTLIVED)
async def test_serve_gets_over_the_death_of(dies: str, serve: Serve, notes: Notes) -> None:
    rng = seed_of(dies)
    with client_of(serve) as client:
        office = Office(serve, client)
    for _ in range(rounds(1, ROUNDS_SOAK)):
        load = Load(serve.url, office, notes, rng)
        load.start()
        try:
            await load.reach(1)
            await asyncio.sleep(rng.uniform(0.05, 1.5))
            await asyncio.to_thread(OUTLIVED[dies], serve, rng)
            await load.reach(50)
        finally:
            await load.stop()
        await asyncio.to_thread(reconcile, notes, serve.books_url())
    assert serve.process.poll() is None, serve.words()
