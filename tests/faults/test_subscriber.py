"""kill -9 of the service, of relays and of PostgreSQL with a subscriber listening: it hears of every committed change,
per payment in order, and of nothing else."""

import asyncio
import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.database import DatabaseUrls
from tests.faults.dying import OUTLIVED, rounds, seed_of
from tests.faults.load import Load, Notes
from tests.faults.reconciling import reconcile
from tests.faults.subscribed import Subscriber
from tests.scenarios.asking import Office, client_of
from tests.scenarios.serving import READY_S_MAX, Serve
from tests.scenarios.webhook_receiver import WebhookReceiver
from tests.scenarios.working import Worker

ROUNDS, ROUNDS_SOAK = 6, 100
"""Quickly, each of the six deaths once: others leave them to this test."""
SHARED_ROUNDS, SHARED_ROUNDS_SOAK = 1, 20
SETTLED_EVERY = 10
"""After so many rounds everything must have come; in between, the next kill hits what is still on its way."""
TO_PRIVATE = {"VENDORPAY_WEBHOOKS_TO_PRIVATE": "on"}
RELAYS = 3


def _kill_parent(serve: Serve, rng: random.Random) -> None:
    serve.kill()


def _kill_everything(serve: Serve, rng: random.Random) -> None:
    serve.kill_everything()


DEATHS: dict[str, Callable[[Serve, random.Random], None]] = {
    "serve": _kill_parent,
    "serve and all it started": _kill_everything,
    **OUTLIVED,
}


@pytest.mark.anyio
@pytest.mark.timeout(7200)
async def test_a_subscriber_hears_of_every_change_whoever_is_killed(
    tmp_path: Path, new_data_dir: Callable[[Path], Path]
) -> None:
    """Origin 27, and peers' ask 15: an event is a row of the change's own transaction, and is sent until it came."""
    rng, notes = seed_of("a subscriber"), Notes()
    deaths = list(DEATHS)
    rng.shuffle(deaths)
    new_data_dir(tmp_path / "home" / "data")
    with Serve(tmp_path / "home", settings=TO_PRIVATE) as serve, WebhookReceiver() as receiver:
        serve.start()
        with client_of(serve) as client:
            office = Office(serve, client)
            subscriber = Subscriber(receiver, office, rng)
            for number in range(rounds(ROUNDS, ROUNDS_SOAK)):
                load = Load(serve.url, office, notes, rng)
                load.start()
                try:
                    await load.reach(1)
                    await asyncio.sleep(rng.uniform(0.05, 1.5))
                    await asyncio.to_thread(DEATHS[deaths[number % len(deaths)]], serve, rng)
                    if not serve.running():
                        assert await asyncio.to_thread(serve.start) <= READY_S_MAX
                    await load.reach(50)
                finally:
                    await load.stop()
                if number % SETTLED_EVERY == SETTLED_EVERY - 1:
                    await asyncio.to_thread(subscriber.settle, serve.books_url())
            await asyncio.to_thread(subscriber.check, serve.books_url(), office.auditor)
            await asyncio.to_thread(reconcile, notes, serve.books_url())


@pytest.mark.anyio
@pytest.mark.timeout(7200)
async def test_two_services_and_three_relays_on_one_database_tell_a_subscriber_everything_too(
    tmp_path: Path, database_urls: DatabaseUrls
) -> None:
    """One of the services works in the background itself, the other leaves that to three workers, which are killed."""
    rng, notes = seed_of("three relays"), Notes()
    settings = [TO_PRIVATE, {**TO_PRIVATE, "VENDORPAY_BACKGROUND": "off"}]
    url = database_urls.owner
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                Serve(tmp_path / f"serve-{n}", data_dir=tmp_path / "issuer", database_url=url, settings=each)
            )
            for n, each in enumerate(settings)
        )
        workers = [
            stack.enter_context(Worker(tmp_path / f"worker-{n}", database_url=url, settings=TO_PRIVATE))
            for n in range(RELAYS)
        ]
        receiver = stack.enter_context(WebhookReceiver())
        for serve in (first, second):
            serve.start()
        await asyncio.gather(*(asyncio.to_thread(worker.start) for worker in workers))
        office = Office(first, stack.enter_context(client_of(first)))
        subscriber = Subscriber(receiver, office, rng)
        for number in range(rounds(SHARED_ROUNDS, SHARED_ROUNDS_SOAK)):
            loads = [Load(serve.url, office, notes, rng) for serve in (first, second)]
            for load in loads:
                load.start()
            try:
                await asyncio.gather(*(load.reach(10) for load in loads))
                await asyncio.sleep(rng.uniform(0.05, 1.0))
                killed = rng.sample(workers, rng.randint(1, RELAYS))
                for worker in killed:
                    worker.kill()
                await asyncio.gather(*(load.reach(25) for load in loads))
                await asyncio.gather(*(asyncio.to_thread(worker.start) for worker in killed))
            finally:
                await asyncio.gather(*(load.stop() for load in loads))
            if number % SETTLED_EVERY == SETTLED_EVERY - 1:
                await asyncio.to_thread(subscriber.settle, database_urls.superuser)
        await asyncio.to_thread(subscriber.check, database_urls.superuser, office.auditor)
        await asyncio.to_thread(reconcile, notes, database_urls.superuser)
        assert [worker.terminate() for worker in workers] == [0] * RELAYS
        assert [serve.terminate() for serve in (first, second)] == [0, 0]
