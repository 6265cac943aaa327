"""A scrape of one process shows what all of them did, exactly, also of one that was killed since."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from tests.database import DatabaseUrls
from tests.scenarios.asking import Office, client_of, new_payment
from tests.scenarios.serving import HOST, Serve, free_port, quick_home, serving
from tests.scenarios.working import Worker

pytestmark = pytest.mark.of_serve

REQUESTS, CLIENTS = 60, 6
RESTART_S_MAX = 20.0
STREAMS = {"feed", "audit"}
OF_A_WORKER = (
    'vendorpay_timer_runs_total{timer="upkeep"',
    *(f'vendorpay_sequencer_passes_total{{stream="{stream}"' for stream in sorted(STREAMS)),
)


@pytest.fixture(scope="module")
def pair(new_data_dir: Callable[[Path], Path]) -> Iterator[Serve]:
    """Two processes that answer."""
    with quick_home() as home:
        new_data_dir(home / "data")
        with serving(home, "--workers", "2") as serve:
            yield serve


def scraped(serve: Serve) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample, asked over a connection of its own: whichever process takes it."""
    with client_of(serve) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    families = parsed(answer.text)
    return {
        (sample.name.removeprefix("vendorpay_"), frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def requests(serve: Serve, operation: str) -> float:
    return sum(
        value
        for (name, labels), value in scraped(serve).items()
        if name == "requests_total" and ("operation", operation) in labels
    )


def ask(serve: Serve, office: Office) -> None:
    """From several connections, so that both processes get some."""

    def some(_: int) -> None:
        with client_of(serve) as client:
            for _ in range(REQUESTS // CLIENTS):
                headers = {"Authorization": f"Bearer {office.creator.token}"}
                assert client.post("/payments", json=new_payment(), headers=headers).status_code == 201

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(some, range(CLIENTS)))


def test_two_processes_count_as_one_and_a_killed_one_takes_nothing_along(pair: Serve) -> None:
    with httpx.Client(base_url=pair.url, trust_env=False) as client:
        office = Office(pair, client)
    before = requests(pair, "createPayment")
    ask(pair, office)
    assert {requests(pair, "createPayment") for _ in range(8)} == {before + REQUESTS}

    (victim, _) = pair.serving_pids()
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + RESTART_S_MAX
    while len(pair.serving_pids()) < 2 or starts(pair) < 3:
        assert time.monotonic() < deadline, pair.words()
        assert requests(pair, "createPayment") == before + REQUESTS  # while there is one, and while the next begins
        time.sleep(0.1)
    ask(pair, office)
    found = scraped(pair)
    assert requests(pair, "createPayment") == before + 2 * REQUESTS
    assert found["batch_commands_sum", frozenset()] >= before + 2 * REQUESTS  # background work has some of its own
    deadline = time.monotonic() + RESTART_S_MAX
    while scraped(pair)["approvals_pending", frozenset()] < 2 * REQUESTS:  # asked of the database every five seconds
        assert time.monotonic() < deadline, pair.words()
        time.sleep(0.2)
    assert found["requests_in_flight", frozenset()] == 1
    assert found["pool_connections_max", frozenset()] in (20, 25)  # the two pools of requests, and of background work
    for process in ("1", "2"):
        of_process = frozenset({("process", process)})
        assert 10e6 < found["process_resident_bytes", of_process] < 1e9
        assert found["process_cpu_seconds_total", of_process] > 0
        assert abs(found["process_start_timestamp_seconds", of_process] - time.time()) < 300


def starts(serve: Serve) -> float:
    return sum(value for (name, _), value in scraped(serve).items() if name == "process_starts_total")


def test_a_worker_shows_its_own_on_a_port_of_its_own(make_database: Callable[[], DatabaseUrls], tmp_path: Path) -> None:
    port = free_port()
    settings = {"VENDORPAY_WORKER_METRICS_PORT": str(port)}
    with Worker(tmp_path, database_url=make_database().owner, settings=settings) as worker:
        worker.start()
        with httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False) as client:
            deadline = time.monotonic() + RESTART_S_MAX
            while not all(one in (text := client.get("/metrics").text) for one in OF_A_WORKER):
                assert time.monotonic() < deadline, text
                time.sleep(0.1)
        families = {family.name: family.samples for family in parsed(text)}
        assert [sample.value for sample in families["vendorpay_database_up"]] == [1]
        assert {sample.labels["stream"] for sample in families["vendorpay_sequencer_passes"]} == STREAMS
        assert worker.terminate() == 0
