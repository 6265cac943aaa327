"""Limits over real connections to two processes: never more than the setting, and each caller on its own."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from tests.faults.dying import SOAK
from tests.scenarios.asking import client_of, work_completed
from tests.scenarios.serving import Serve, quick_home, vendorpay

pytestmark = [
    pytest.mark.of_serve,
    pytest.mark.skipif(not SOAK, reason="it waits for buckets to fill; tests/api has the same with a clock"),
]
BURST, PER_MINUTE, ASKED, PROCESSES = 20, 60, 80, 2


@pytest.fixture(scope="module")
def limited() -> Iterator[Serve]:
    settings = {"VENDORPAY_RATE_LIMITS": f"read={PER_MINUTE}/min:{BURST},bulk=20/min:1"}
    with quick_home() as home, Serve(home, "--workers", str(PROCESSES), settings=settings) as serve:
        serve.start()
        yield serve
        assert serve.terminate() == 0


def statuses(serve: Serve, token: str, times: int) -> list[int]:
    """Of requests that each come over a connection of their own: whichever process takes it."""
    found = []
    for _ in range(times):
        with client_of(serve) as client:
            answer = client.get("/payments", headers={"Authorization": f"Bearer {token}"})
        found.append(answer.status_code)
        assert (answer.status_code == 429) == ("Retry-After" in answer.headers)
    return found


def refused(serve: Serve) -> float:
    with client_of(serve) as client:
        families = list(parsed(client.get("/metrics").text))
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "vendorpay_rate_limited_total"
    )


def test_processes_together_never_allow_more_than_the_setting(limited: Serve) -> None:
    """Origin 64."""
    began, before = time.monotonic(), refused(limited)
    loop = statuses(limited, limited.token("auditor"), ASKED)
    allowed, seconds = loop.count(200), time.monotonic() - began
    assert set(loop) == {200, 429}
    assert BURST / PROCESSES <= allowed <= BURST + PER_MINUTE / 60 * seconds
    assert refused(limited) - before == ASKED - allowed
    assert set(statuses(limited, limited.token("auditor"), 5)) == {200}


def test_a_command_waits_as_long_as_it_is_told_and_goes_on(limited: Serve, tmp_path: Path) -> None:
    before = refused(limited)
    token = limited.token("service")
    for number in range(PROCESSES + 1):
        file = tmp_path / f"{number}.jsonl"
        file.write_text(json.dumps(work_completed()))
        ended = vendorpay("events", "publish", str(file), "--json", VENDORPAY_URL=limited.url, VENDORPAY_TOKEN=token)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout.splitlines()[-1])["accepted"] == 1
    assert refused(limited) > before
