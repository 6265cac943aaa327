"""What answers the scrapes of a worker: /metrics and nothing else, and no client can hold it up."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from tests.database import DatabaseUrls
from tests.usecases.world import open_world
from vendorpay.entrypoints import metrics_listener
from vendorpay.entrypoints.listening import listen, url_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(database_urls: DatabaseUrls) -> AsyncIterator[str]:
    async with open_world(database_urls) as world:
        with listen("127.0.0.1", 0) as listening:
            async with metrics_listener.answering(world.deps, listening):
                yield url_of(listening)


async def ask(url: str, method: str = "GET", path: str = "/metrics") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, base_url=url, timeout=30) as client:
        return await client.request(method, path)


async def test_a_scrape_shows_what_the_database_tells(url: str) -> None:
    answer = await ask(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {family.name: family.samples for family in parsed(answer.text)}
    assert [sample.value for sample in families["vendorpay_database_up"]] == [1]
    head = await ask(url, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metricsx", 404), ("POST", "/metrics", 405), ("GET", "/metrics?a=b", 200)],
)
async def test_other_paths_and_methods_are_refused(method: str, path: str, status: int, url: str) -> None:
    assert (await ask(url, method, path)).status_code == status


@pytest.mark.parametrize("said", [b"", b"\r\n\r\n", b"GET", b"\x16\x03\x01 nonsense\r\n\r\n", b"x" * 100_000])
async def test_who_talks_nonsense_or_goes_away_harms_nobody(said: bytes, url: str) -> None:
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(said)
    assert (await ask(url)).status_code == 200


async def test_clients_that_say_nothing_are_hung_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_listener, "HEAD_S_MAX", 0.1)
    port = int(url.rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(metrics_listener.CLIENTS_MAX + 4)]
    for reader, writer in silent:
        assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
    monkeypatch.undo()  # this one is given its time
    assert (await ask(url)).status_code == 200
