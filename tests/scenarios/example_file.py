"""examples/work_completed.jsonl and what must come of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.scenarios.asking import Caller
from tests.scenarios.books import rows

EXAMPLES = Path(__file__).parents[2] / "examples"
FILE = EXAMPLES / "work_completed.jsonl"
EXPECTED: dict[str, Any] = json.loads((EXAMPLES / "work_completed.expected.json").read_bytes())
LINES = FILE.read_bytes().splitlines()
ACCEPTED_CENTS = 12_028_254_100


def is_json(line: bytes) -> bool:
    """Whether the line can be part of an array at all."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def send(publisher: Caller, lines: Sequence[bytes], *, at_once: int) -> Iterator[dict[str, Any]]:
    """The result of each line, in their order. A line that is no JSON goes alone, for it would spoil its array."""
    batch: list[bytes] = []
    for line in lines:
        if not is_json(line):
            yield from _results(publisher, batch)
            batch = []
            refused = publisher.post("/events", line)
            assert (refused.status_code, refused.json()["code"]) == (400, "malformed_json")
            yield {"result": "rejected"}
            continue
        batch.append(line)
        if len(batch) == at_once:
            yield from _results(publisher, batch)
            batch = []
    yield from _results(publisher, batch)


def _results(publisher: Caller, batch: list[bytes]) -> list[dict[str, Any]]:
    if not batch:
        return []
    answer = publisher.post("/events", b"[" + b",".join(batch) + b"]")
    assert answer.status_code == 202, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert len(results) == len(batch)
    return results


def tally(results: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many of each."""
    return dict(Counter(each["result"] for each in results))


def stored_amounts(url: str, org: str) -> dict[tuple[str, str, str], int]:
    """The cents of each job of an organisation."""
    found = rows(
        url, "SELECT incident_id, vendor_id, reference, amount_cents FROM payments WHERE org_id = %(org)s", org=org
    )
    amounts = {(str(r["incident_id"]), str(r["vendor_id"]), r["reference"]): r["amount_cents"] for r in found}
    assert len(amounts) == len(found), "a job has two payments"
    return amounts


def expected_amounts() -> dict[tuple[str, str, str], int]:
    """The cents of each job whose event is to be accepted."""
    amounts = {}
    for line, expected in zip(LINES, EXPECTED["perLine"], strict=True):
        if expected["result"] == "accepted":
            detail = json.loads(line)["detail"]
            job = (detail["incidentId"], detail["vendorId"], detail.get("reference", ""))
            amounts[job] = expected["amountCents"]
    assert (len(amounts), sum(amounts.values())) == (545, ACCEPTED_CENTS)
    return amounts
