"""The fuzzers' judge: who may and is told otherwise is a fault, but for the one refusal that is not of the role."""

from __future__ import annotations

import msgspec
import pytest

from tests.api.asking import Answered
from tests.fuzz.documented import NOT_FOR_ANOTHER, faults_of_role

PAYMENT = b"/payments/0190a1b2-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("action", "detail", "is_fault"),
    [
        (b"/approve", NOT_FOR_ANOTHER[1], False),
        (b"/approve", "approve is needed, and you have less.", True),
        (b"/hold", NOT_FOR_ANOTHER[1], True),
    ],
)
def test_a_role_that_may_is_refused_for_want_of_a_delegation_alone(action: bytes, detail: str, is_fault: bool) -> None:
    told = {"type": "urn:forbidden", "title": "Forbidden", "status": 403, "code": "forbidden", "requestId": "one"}
    headers = {"content-type": "application/problem+json", "x-request-id": "one"}
    answer = Answered(403, headers, msgspec.json.encode({**told, "detail": detail}))
    assert bool(list(faults_of_role("admin", b"POST", PAYMENT + action, answer))) is is_fault
