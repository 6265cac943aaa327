"""The key cache against a real issuer that rotates, is slow, fails and comes back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.adapters.jwks_server import JwksServer
from tests.adapters.token_signing import Clock, Signer
from vendorpay.adapters.jwks import IDLE_S, REFRESH_S, RETRY_S, STALE_S_MAX, JwksCache
from vendorpay.adapters.jwks_source import FETCH_TIMEOUT_S, JwksUrl
from vendorpay.domain.errors import IssuerUnavailable

pytestmark = pytest.mark.anyio

Signers = tuple[Signer, Signer, Signer]

HASTY_S = 0.3
"""How long a fetch may take of a server that hangs."""


@dataclass
class Asking:
    """The server's URL, asked with a patience that a test may change: one that answers may be slow to do so."""

    url: str
    timeout_s: float = FETCH_TIMEOUT_S

    def __call__(self) -> object:
        return JwksUrl(self.url, timeout_s=self.timeout_s)()


@pytest.fixture
def asking(server: JwksServer) -> Asking:
    return Asking(server.url)


@pytest.fixture
async def cache(asking: Asking, clock: Clock) -> AsyncIterator[JwksCache]:
    cache = JwksCache(asking, monotonic=clock.monotonic)
    yield cache
    await cache.aclose()


async def settled(cache: JwksCache) -> None:
    """Waits for the fetch behind the last request."""
    async with asyncio.timeout(30):
        while cache.refreshing():
            await asyncio.sleep(0.005)


async def test_keys_are_fetched_once_and_kept(cache: JwksCache, server: JwksServer, signer: Signer) -> None:
    server.publish(signer.jwk())
    for _ in range(20):
        assert await cache.find("first")
    assert server.hits == 1


async def test_a_hundred_first_requests_make_one_fetch(cache: JwksCache, server: JwksServer, signer: Signer) -> None:
    server.publish(signer.jwk())
    server.behave = server.slowly(server.behave, after_s=0.05)
    found = await asyncio.gather(*(cache.find("first") for _ in range(100)))
    assert all(found)
    assert server.hits == 1


async def test_a_caller_who_leaves_does_not_take_the_fetch_of_the_others_along(
    cache: JwksCache, server: JwksServer, signer: Signer
) -> None:
    server.publish(signer.jwk())
    server.behave = server.slowly(server.behave, after_s=0.1)
    leaving, staying = asyncio.create_task(cache.find("first")), asyncio.create_task(cache.find("first"))
    await asyncio.sleep(0.02)
    leaving.cancel()
    assert await staying
    assert server.hits == 1


async def test_a_rotated_key_is_accepted_on_its_first_use(
    cache: JwksCache, server: JwksServer, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    assert await cache.find("first")
    for place in (1, 2):
        # Twice in the same instant: a search that finds something costs no pause.
        server.publish(signers[place].jwk())
        assert await cache.find(signers[place].kid)
    assert server.hits == 3


async def test_a_rotated_key_is_accepted_while_an_older_fetch_is_under_way(
    cache: JwksCache, server: JwksServer, clock: Clock, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    await cache.find("first")
    server.behave = server.slowly(server.behave, after_s=0.1)
    clock.passed = REFRESH_S
    await cache.find("first")
    await asyncio.sleep(0.03)
    server.publish(signers[0].jwk(), signers[1].jwk())
    assert await cache.find("second")


async def test_a_hundred_requests_with_a_rotated_key_make_one_fetch(
    cache: JwksCache, server: JwksServer, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    await cache.find("first")
    server.publish(signers[1].jwk())
    server.behave = server.slowly(server.behave, after_s=0.05)
    assert all(await asyncio.gather(*(cache.find("second") for _ in range(100))))
    assert server.hits == 2


async def test_invented_key_ids_do_not_hammer_the_issuer(
    cache: JwksCache, server: JwksServer, clock: Clock, signer: Signer
) -> None:
    server.publish(signer.jwk())
    await cache.find("first")
    server.hits = 0
    for second in range(60):
        clock.passed = float(second)
        assert not any(await asyncio.gather(*(cache.find(f"invented-{second}-{i}") for i in range(50))))
    assert server.hits == 60 / RETRY_S


async def test_a_key_rotated_during_a_flood_is_accepted_within_the_pause(
    cache: JwksCache, server: JwksServer, clock: Clock, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    assert await cache.find("invented") is None
    server.publish(signers[1].jwk())
    assert await cache.find("second") is None
    clock.passed = RETRY_S
    assert await cache.find("second")


async def test_the_periodic_refresh_happens_behind_the_request(
    cache: JwksCache, server: JwksServer, clock: Clock, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    await cache.find("first")
    server.publish(signers[1].jwk())
    clock.passed = REFRESH_S - 1
    assert cache.fresh()
    clock.passed = REFRESH_S
    assert cache.fresh() is None
    assert await cache.find("first")
    await settled(cache)
    assert cache.fresh()
    assert await cache.find("first") is None
    assert await cache.find("second")


async def test_after_an_idle_time_a_withdrawn_key_is_not_used_even_once(
    cache: JwksCache, server: JwksServer, clock: Clock, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    await cache.find("first")
    server.publish(signers[1].jwk())
    clock.passed = IDLE_S
    assert await cache.find("first") is None


@pytest.mark.parametrize("trouble", ["gone", "garbage", "no set", "hang", "refused"])
async def test_known_keys_bridge_an_outage_for_a_day_and_no_longer(
    cache: JwksCache, asking: Asking, server: JwksServer, clock: Clock, signer: Signer, trouble: str
) -> None:
    server.publish(signer.jwk())
    await cache.find("first")
    spoil(server, trouble)
    if trouble == "hang":
        asking.timeout_s = HASTY_S
    for passed in (REFRESH_S, IDLE_S + 1, STALE_S_MAX / 2, STALE_S_MAX):
        clock.passed = passed
        assert await cache.find("first")
        await settled(cache)
    clock.passed = STALE_S_MAX + 1
    with pytest.raises(IssuerUnavailable):
        await cache.find("first")


def spoil(server: JwksServer, trouble: str) -> None:
    if trouble == "refused":
        server.stop()
        return
    server.behave = {
        "gone": server.respond(503, b""),
        "garbage": server.respond(200, b"<html>"),
        "no set": server.respond(200, b'{"error": "maintenance"}'),
        "hang": server.hang,
    }[trouble]


async def test_in_an_outage_requests_do_not_wait_and_the_issuer_is_asked_at_intervals(
    cache: JwksCache, server: JwksServer, clock: Clock, signer: Signer
) -> None:
    server.publish(signer.jwk())
    await cache.find("first")
    server.behave = server.respond(503, b"")
    server.hits = 0
    for second in range(30):
        clock.passed = REFRESH_S + second
        assert await asyncio.gather(*(cache.find("first") for _ in range(20)))
        await settled(cache)
    assert server.hits == 30 / RETRY_S


async def test_after_an_outage_the_new_keys_are_taken(
    cache: JwksCache, server: JwksServer, clock: Clock, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    await cache.find("first")
    server.behave = server.respond(503, b"")
    assert await cache.find("second") is None
    server.publish(signers[1].jwk())
    clock.passed = RETRY_S
    assert await cache.find("second")
    assert await cache.find("first") is None


async def test_an_issuer_never_reached_is_unavailable_and_asked_again_after_a_pause(
    cache: JwksCache, server: JwksServer, clock: Clock, signer: Signer
) -> None:
    for _ in range(20):
        with pytest.raises(IssuerUnavailable):
            await cache.find("first")
    assert server.hits == 1
    server.publish(signer.jwk())
    clock.passed = RETRY_S
    assert await cache.find("first")


async def test_an_issuer_that_withdraws_every_key_is_believed(
    cache: JwksCache, server: JwksServer, clock: Clock, signer: Signer
) -> None:
    server.publish(signer.jwk())
    await cache.find("first")
    server.publish()
    clock.passed = IDLE_S
    with pytest.raises(IssuerUnavailable):
        await cache.find("first")
    server.publish(signer.jwk())
    clock.passed += RETRY_S
    assert await cache.find("first")


async def test_a_source_that_raises_anything_is_an_outage(clock: Clock) -> None:
    def broken() -> object:
        raise ZeroDivisionError

    with pytest.raises(IssuerUnavailable):
        await JwksCache(broken, monotonic=clock.monotonic).current()


async def test_a_refresh_given_up_at_the_end_leaves_the_keys_usable(
    cache: JwksCache, asking: Asking, server: JwksServer, clock: Clock, signer: Signer
) -> None:
    server.publish(signer.jwk())
    await cache.find("first")
    server.behave, asking.timeout_s = server.hang, HASTY_S
    clock.passed = REFRESH_S
    await cache.find("first")
    assert cache.refreshing()
    await cache.aclose()
    assert not cache.refreshing()
    assert (await cache.current()).get("first")


def test_one_cache_serves_event_loops_that_come_and_go(server: JwksServer, clock: Clock, signer: Signer) -> None:
    """A function that is invoked again and again runs a loop each time, and ends it with a refresh under way."""
    server.publish(signer.jwk())
    cache = JwksCache(JwksUrl(server.url), monotonic=clock.monotonic)
    for round_number in range(5):
        clock.passed = round_number * REFRESH_S
        assert asyncio.run(cache.find("first"))
    clock.passed = IDLE_S * 2
    server.hits = 0
    assert asyncio.run(cache.find("first"))
    assert server.hits == 1


def test_a_loop_left_with_a_refresh_under_way_does_not_block_the_next(
    server: JwksServer, clock: Clock, signers: Signers
) -> None:
    server.publish(signers[0].jwk())
    cache = JwksCache(JwksUrl(server.url), monotonic=clock.monotonic)
    left = asyncio.new_event_loop()
    try:
        assert left.run_until_complete(cache.find("first"))
        clock.passed = REFRESH_S
        assert left.run_until_complete(cache.find("first"))
        under_way = asyncio.all_tasks(left)
        assert under_way
        server.publish(signers[1].jwk())
        clock.passed = IDLE_S
        assert asyncio.run(asyncio.wait_for(cache.find("first"), 30)) is None
        left.run_until_complete(asyncio.wait(under_way))
    finally:
        left.run_until_complete(left.shutdown_default_executor())
        left.close()
