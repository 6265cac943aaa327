"""Several pieces of work at once, their results in order."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.faulty_server import answer, faulty
from tests.entrypoints.command_line import CommandLine
from vendorpay.api import examples
from vendorpay.entrypoints.cli import asked_service
from vendorpay.entrypoints.cli.overlapping import in_order

IDS = ("0190a1b2-0000-7000-8000-000000000001", "0190a1b2-0000-7000-8000-000000000002")


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 5))
def test_results_come_in_order_and_no_more_than_so_many_are_under_way(pauses_ms: list[int], at_once: int) -> None:
    lock = threading.Lock()
    under_way, most = 0, 0

    def work(item: tuple[int, int]) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(item[1] / 10_000)
        with lock:
            under_way -= 1
        return item[0]

    found = list(in_order(work, enumerate(pauses_ms), at_once))
    assert found == [((n, pause), n) for n, pause in enumerate(pauses_ms)]
    assert most <= at_once


def test_a_failure_comes_at_its_turn_and_what_was_before_it_is_kept() -> None:
    def work(n: int) -> int:
        if n == 2:
            raise ValueError("the third")
        return n

    done: list[int] = []
    with pytest.raises(ValueError, match="the third"):
        done.extend(result for _, result in in_order(work, range(9), 3))
    assert done == [0, 1]


def test_several_payments_are_approved_in_one_request_each_once(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CommandLine(capfd, monkeypatch)
    refused = {"type": "x", "title": "", "status": 403, "detail": "No.", "code": "four_eyes", "requestId": "r"}
    results = [{"index": 0, "status": 200, "payment": examples.APPROVED}]
    results.append({"index": 1, "status": 403, "problem": refused})
    with faulty(answer(200, {"results": results})) as server:
        said = run("payments", "approve", *IDS, IDS[0], "--notes", "seen", "--url", server.url, "--token", "t")
        (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", "/payments/approvals")
    assert seen.body == b'{"paymentIds":["%s","%s"],"notes":"seen"}' % tuple(each.encode() for each in IDS)
    assert (said.code, "403 four_eyes: No." in said.out, said.out.count("approved")) == (1, True, 1)


def test_the_proxy_of_the_environment_is_used_where_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert asked_service._proxy_for("http://here") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,inside.example")
    assert asked_service._proxy_for("https://here") == "http://proxy:3128"
    assert asked_service._proxy_for("http://here") is None
    assert asked_service._proxy_for("https://api.inside.example:8080") is None
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy")
    assert asked_service._proxy_for("http://here") is None
