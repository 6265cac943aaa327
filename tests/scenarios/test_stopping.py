"""SIGTERM: whatever was accepted is answered, and the service ends with 0."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.scenarios.asking import Office, client_of, new_payment
from tests.scenarios.blocking import writes_blocked
from tests.scenarios.books import assert_whole, rows
from tests.scenarios.serving import HOST, STOP_S_MAX, Serve, quick_home
from tests.scenarios.wire import Wire, post
from vendorpay.entrypoints import embedded_postgres

pytestmark = pytest.mark.of_serve

CLIENTS = 8
ANSWERS_MIN = 100


@pytest.fixture(scope="module")
def stopped(new_data_dir: Callable[[Path], Path]) -> Iterator[Serve]:
    """One directory for all tests: starting on it again is quicker than making another."""
    with quick_home() as home:
        new_data_dir(home / "data")
        with Serve(home) as serve:
            yield serve


@pytest.fixture
def serve(stopped: Serve) -> Serve:
    """A service that the test ends."""
    if stopped.running():  # the test before failed
        stopped.kill_everything()
    stopped.start()
    return stopped


class Load:
    """Clients that create payments without keys until nobody listens any more."""

    def __init__(self, serve: Serve, office: Office) -> None:
        self.answered: set[str] = set()
        self.statuses: set[int] = set()
        self.enough = threading.Event()
        self._serve = serve
        self._office = office

    def run(self, _: int) -> None:
        with client_of(self._serve) as client:
            while True:
                body = new_payment()
                headers = {"Authorization": f"Bearer {self._office.creator.token}"}
                try:
                    answer = client.post("/payments", json=body, headers=headers)
                except httpx.ConnectError:
                    return
                except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    # An idle connection that closed just when it was used again. Had the request been read, the
                    # payment would be there without an answer, which is looked for at the end.
                    continue
                self.statuses.add(answer.status_code)
                if answer.status_code == 201:
                    self.answered.add(body["incidentId"])
                if len(self.answered) >= ANSWERS_MIN:
                    self.enough.set()


def committed(serve: Serve, office: Office) -> set[str]:
    """The incidents of an office's payments, after the end of `serve`."""
    with embedded_postgres.start(serve.data_dir) as postgres:
        url = postgres.superuser_url("vendorpay")
        assert_whole(url)
        found = rows(url, "SELECT incident_id FROM payments WHERE org_id = %(org)s", org=office.org)
        return {str(each["incident_id"]) for each in found}


def test_under_load_every_accepted_request_is_answered_and_the_exit_code_is_0(serve: Serve) -> None:
    with client_of(serve) as client:
        office = Office(serve, client)
    load = Load(serve, office)
    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(load.run, n) for n in range(CLIENTS)]
        assert load.enough.wait(60)
        code = serve.terminate()
        for one in running:
            one.result(STOP_S_MAX)
    assert code == 0, serve.words()
    assert load.statuses <= {201, 503}
    # Both ways: nothing was answered that is not there, and nothing is there that was not answered.
    assert committed(serve, office) == load.answered
    assert "Fatal" not in serve.log.read_text(), "a serving process did not end in order"


def test_what_is_being_written_and_what_is_still_coming_in_is_answered(serve: Serve) -> None:
    with client_of(serve) as client:
        office = Office(serve, client)
    writing, coming = (json.dumps(new_payment()).encode() for _ in range(2))
    with Wire(serve) as first, Wire(serve) as second:
        with writes_blocked(serve.books_url()) as blocked:
            first.send(post(office.creator, "/payments", writing))
            second.send(post(office.creator, "/payments", coming)[:-10])
            blocked.wait_for_one()
            serve.process.send_signal(signal.SIGTERM)
            _wait_until_nobody_listens(serve)
            second.send(coming[-10:])
        assert first.answer()[0] == 201
        assert second.answer()[0] == 201
    assert serve.process.wait(STOP_S_MAX) == 0, serve.words()
    assert committed(serve, office) == {json.loads(body)["incidentId"] for body in (writing, coming)}


def test_an_idle_service_ends_at_once(serve: Serve) -> None:
    began = time.monotonic()
    with client_of(serve) as client:
        assert client.get("/health/live").status_code == 200  # and the connection stays open
        assert serve.terminate() == 0, serve.words()
    assert time.monotonic() - began < 20  # one that waits for clients does so for 30
    assert "Fatal" not in serve.log.read_text(), "a serving process did not end in order"


def _wait_until_nobody_listens(serve: Serve) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection((HOST, serve.port), timeout=5):
            time.sleep(0.01)
            continue
        return
    raise AssertionError("it still listens after SIGTERM")
