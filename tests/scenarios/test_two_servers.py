"""Two `serve` processes on one database, asked for everything at once: one set of books."""

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import httpx
import pytest

from tests.database import DatabaseUrls
from tests.scenarios.asking import Caller, Office, client_of, new_payment
from tests.scenarios.books import assert_whole
from tests.scenarios.example_file import LINES, expected_amounts, send, stored_amounts, tally
from tests.scenarios.serving import Serve

pytestmark = pytest.mark.of_serve

KEYED, REVIEWERS, PUBLISHERS = 40, 20, 4


@pytest.fixture(scope="module")
def urls(make_database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    return make_database()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, urls: DatabaseUrls) -> Iterator[tuple[Serve, Serve]]:
    """Two machines' worth of service: one database, one issuer, and nothing else in common."""
    home = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(Serve(home / name, data_dir=home / "issuer", database_url=urls.owner))
            for name in ("first", "second")
        )
        with ThreadPoolExecutor(2) as starting:  # both look whether the database is up to date, at once
            list(starting.map(Serve.start, (first, second)))
        yield first, second
        assert [serve.terminate() for serve in (first, second)] == [0, 0]


def at(caller: Caller, client: httpx.Client) -> Caller:
    """The same person, asking another server."""
    return Caller(client, caller.token, caller.sub)


def test_two_servers_on_one_database_keep_one_set_of_books(servers: tuple[Serve, Serve], urls: DatabaseUrls) -> None:
    with client_of(servers[0]) as first, client_of(servers[1]) as second, ThreadPoolExecutor(16) as pool:
        clients = (first, second)
        office = Office(servers[0], first)
        contested = office.creator.post("/payments", new_payment()).json()["paymentId"]
        body, key = json.dumps(new_payment()).encode(), str(uuid4())
        creators, publishers = ([at(who, client) for client in clients] for who in (office.creator, office.publisher))
        reviewers = [at(office.caller("dispatcher"), clients[n % 2]) for n in range(REVIEWERS)]
        creating = [pool.submit(_create, creators[n % 2], body, key) for n in range(KEYED)]
        approving = [pool.submit(each.post, f"/payments/{contested}/approve") for each in reviewers]
        publishing = [pool.submit(_publish, publishers[n % 2]) for n in range(PUBLISHERS)]

        created = [future.result(60) for future in creating]
        assert {answer.status_code for answer in created} == {201}
        assert len({answer.content for answer in created}) == 1
        assert len([answer for answer in created if answer.headers.get("Idempotent-Replayed") != "true"]) == 1
        assert sorted(future.result(60).status_code for future in approving) == [200] + [409] * (REVIEWERS - 1)
        results = [result for future in publishing for result in future.result(60)]
        assert tally(results) == {"accepted": 545, "duplicate": 577 * PUBLISHERS - 545, "rejected": 23 * PUBLISHERS}

        for client in clients:  # what one wrote the other shows
            assert at(office.creator, client).get(f"/payments/{contested}").json()["status"] == "approved"
            shown = at(office.creator, client).get(f"/payments/{created[0].json()['paymentId']}")
            assert shown.json() == created[0].json()
    stored = stored_amounts(urls.superuser, office.org)
    assert len(stored) == 545 + 2
    assert expected_amounts().items() <= stored.items()
    assert_whole(urls.superuser)


def test_one_server_is_killed_and_the_other_carries_on(servers: tuple[Serve, Serve], urls: DatabaseUrls) -> None:
    killed, survivor = servers
    keys = {str(uuid4()): json.dumps(new_payment()).encode() for _ in range(60)}
    with client_of(killed) as first, client_of(survivor) as second:
        office = Office(survivor, second)
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(_try, at(office.creator, first), body, key) for key, body in keys.items()]
            asked[random.randrange(10, 40)].result(60)
            killed.kill()
            answered = [future.result(60) for future in asked]
        for (key, body), before in zip(keys.items(), answered, strict=True):
            answer = _create(at(office.creator, second), body, key)
            assert answer.status_code == 201
            assert before is None or before.content == answer.content
    assert len(stored_amounts(urls.superuser, office.org)) == len(keys)
    assert_whole(urls.superuser)
    killed.start()


def _create(caller: Caller, body: bytes, key: str) -> httpx.Response:
    while True:
        answer = caller.post("/payments", body, Idempotency_Key=key)
        if answer.status_code != 409 or answer.json()["code"] != "idempotency_in_flight":
            return answer


def _try(caller: Caller, body: bytes, key: str) -> httpx.Response | None:
    try:
        return _create(caller, body, key)
    except httpx.TransportError:
        return None


def _publish(publisher: Caller) -> list[dict[str, object]]:
    return list(send(publisher, LINES, at_once=40))
