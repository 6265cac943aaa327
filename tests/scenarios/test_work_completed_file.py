"""examples/work_completed.jsonl against the running service: the same payments and cents however it is sent."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scenarios.asking import Office
from tests.scenarios.books import assert_whole
from tests.scenarios.example_file import EXPECTED, FILE, LINES, expected_amounts, send, stored_amounts, tally
from tests.scenarios.serving import Serve, vendorpay

CLIENTS = 4
AGAIN = {"duplicate": 577, "rejected": 23}


@pytest.mark.parametrize("at_once", [7, 600])
def test_each_line_gets_the_result_that_is_expected_and_a_second_time_none_is_accepted(
    serve: Serve, office: Office, at_once: int
) -> None:
    first = list(send(office.publisher, LINES, at_once=at_once))
    assert [each["result"] for each in first] == [each["result"] for each in EXPECTED["perLine"]]
    reasons = [each.get("reason") for each in first if each["result"] == "rejected" and "id" in each]
    assert all(reasons), "what is rejected says why"
    assert stored_amounts(serve.books_url(), office.org) == expected_amounts()
    second = list(send(office.publisher, LINES, at_once=100))
    assert tally(second) == AGAIN
    paid = {each["id"]: each["paymentId"] for each in first if each["result"] == "accepted"}
    assert all(each["paymentId"] == paid[each["id"]] for each in second if each.get("id") in paid)
    assert stored_amounts(serve.books_url(), office.org) == expected_amounts()


def test_four_clients_at_once_make_the_same_payments(serve: Serve, office: Office) -> None:
    """Each sends the whole file, from a place of its own on, so that they meet at every line in another order."""
    parts = [LINES[n * 150 :] + LINES[: n * 150] for n in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        sent = list(clients.map(lambda part: list(send(office.publisher, part, at_once=30)), parts))
    results = [result for part in sent for result in part]
    assert tally(results) == {"accepted": 545, "duplicate": 577 * CLIENTS - 545, "rejected": 23 * CLIENTS}
    assert stored_amounts(serve.books_url(), office.org) == expected_amounts()
    assert_whole(serve.books_url())


def test_the_command_publishes_the_file_and_says_what_became_of_it(serve: Serve, office: Office) -> None:
    publish = ("events", "publish", str(FILE), "--url", serve.url, "--token", office.publisher.token, "--json")
    first, second = vendorpay(*publish), vendorpay(*publish)
    assert (first.returncode, second.returncode) == (1, 1), "23 lines are rejected"
    said = [json.loads(each.stdout.splitlines()[-1]) for each in (first, second)]
    counts = [{name: each[name] for name in ("accepted", "duplicate", "rejected")} for each in said]
    assert counts == [{"accepted": 545, "duplicate": 32, "rejected": 23}, {"accepted": 0, **AGAIN}]
    wrong = [number for number, line in enumerate(EXPECTED["perLine"], 1) if line["result"] == "rejected"]
    assert [error["line"] for error in said[0]["errors"]] == wrong
    assert all(error["reason"] for error in said[0]["errors"])
    assert stored_amounts(serve.books_url(), office.org) == expected_amounts()
