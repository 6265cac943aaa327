"""Chains of requests along the document's links, each by somebody else: what one answer shows, the next asks about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar
from uuid import UUID, uuid5

import hypothesis
import msgspec
import pytest
import schemathesis
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import initialize
from schemathesis.checks import not_a_server_error
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests import tally
from tests.api.asked import Asked, asked_over_sockets
from tests.api.asking import Answered
from tests.domain.test_roles import CONTRACT
from tests.fuzz import documented
from tests.usecases.world import SOAK
from vendorpay.api import openapi
from vendorpay.api.operation import Operation
from vendorpay.api.operations.bulk import BULK
from vendorpay.api.operations.dead_letters import DEAD_LETTERS
from vendorpay.api.operations.decisions import DECISIONS
from vendorpay.api.operations.events import EVENTS
from vendorpay.api.operations.payments import PAYMENTS
from vendorpay.api.operations.webhooks import WEBHOOKS

NAMES = UUID("0190a1b2-0000-7000-8000-000000000000")
VENDOR, DRIVER = (str(uuid5(NAMES, name)) for name in ("vendor", "driver"))
PEOPLE: dict[str, dict[str, str]] = {
    "admin": {},
    "dispatcher": {},
    "auditor": {},
    "service": {},
    "vendor": {"vendor": VENDOR},
    "driver": {},
    "stranger": {"org": "another"},  # an admin of another organisation
}
ROUNDS = 15
REQUESTS_MIN = 1_000
"""Of each group: rounds that all broke off at their first step would have tried nothing."""
SETTINGS = hypothesis.settings(
    max_examples=10,
    stateful_step_count=30,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
    deadline=None,
    database=None,
)
WHO_MAY = 0.85
"""How often somebody asks who may: refusals lead nowhere."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with asked_over_sockets() as found:
        yield found


GROUPS = {"payments": (*PAYMENTS, *DECISIONS), "the rest": (*BULK, *EVENTS, *DEAD_LETTERS, *WEBHOOKS)}


@dataclass
class Heard:
    """The service that all chains of a test ask, and what came of it."""

    asked: Asked
    tokens: dict[str, str]
    requests: int = 0
    broken: list[str] = field(default_factory=list)


class Chain:
    """One chain; every step is somebody's."""

    heard: ClassVar[Heard]

    @initialize(chance=st.randoms(use_true_random=True))
    def begin(self, chance: Random) -> None:
        self.chance = chance
        self.who = "admin"

    def before_call(self, case: schemathesis.Case[Any]) -> None:
        self.who = somebody(documented.operation_at(case.method.encode(), case.path.encode()), self.chance)
        if isinstance(case.body, dict) and "lineItems" in case.body:
            fit(case.body, self.chance)
        if case.headers.get("Idempotency-Key"):
            case.headers["Idempotency-Key"] = str(self.chance.getrandbits(64))

    def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
        authorization = {"Authorization": f"Bearer {self.heard.tokens[self.who]}"}
        return {"base_url": self.heard.asked.url, "session": self.heard.asked.session, "headers": authorization}

    def validate_response(
        self, response: schemathesis.Response, case: schemathesis.Case[Any], *_: Any, **__: Any
    ) -> None:
        self.heard.requests += 1
        tally.count("fuzzed requests", status=response.status_code, slowest_s=response.elapsed)
        try:
            self.hold_against_the_document(response, case)
        except Exception as error:
            said = f"{self.who} sent {case.as_curl_command()}\nand was answered {response.content!r}: {error}"
            self.heard.broken.append(said)
            raise

    def hold_against_the_document(self, response: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
        case.validate_response(response, checks=CHECKS)
        headers = {name: values[0] for name, values in response.headers.items()}
        answer = Answered(response.status_code, headers, response.content)
        if response.request.headers.get("Authorization") != f"Bearer {self.heard.tokens[self.who]}":
            assert answer.status == 401, "schemathesis took the token away"
            return
        path = str(response.request.path_url).partition("?")[0].encode()
        assert list(faults(self.who, case.method.encode(), path, answer)) == []


def machine(group: str, heard: Heard) -> type[APIStateMachine]:
    """Chains by the rules that schemathesis makes of the links."""
    rules = schemathesis.openapi.from_dict(msgspec.json.decode(openapi.encoded(GROUPS[group]))).as_state_machine()
    return type("Conversation", (Chain, rules), {"heard": heard})


@pytest.mark.skipif(not SOAK, reason="a hundred links are a hundred rules, which take seconds to make and more to try")
@pytest.mark.parametrize("group", GROUPS)
def test_no_chain_of_requests_leaves_the_contract(asked: Asked, group: str) -> None:
    """Origin 50 and 71: rows of others were shown, and nothing held the code to its document."""
    tokens = {
        who: asked.token("admin" if who == "stranger" else who, str(uuid5(NAMES, who)), **facts)
        for who, facts in PEOPLE.items()
    }
    heard = Heard(asked, tokens)
    conversation = machine(group, heard)
    for _ in range(ROUNDS):
        # What is drawn depends on what the service answers, which hypothesis cannot repeat: then it starts afresh.
        with suppress(FlakyStrategyDefinition):
            conversation.run(settings=SETTINGS)
    assert heard.broken == []
    assert heard.requests >= REQUESTS_MIN


def somebody(operation: Operation | int, chance: Random) -> str:
    """Who asks: mostly one who may."""
    names = [*PEOPLE]
    if isinstance(operation, Operation) and operation.permission and chance.random() < WHO_MAY:
        names = CONTRACT[operation.permission.value].split()
    return chance.choice(names)


def fit(body: dict[str, Any], chance: Random) -> None:
    """Makes the lines of a payment add up, as no schema can say, and gives some to our vendor and our driver."""
    lines = body["lineItems"]
    try:
        for each in lines:
            each["unitPriceCents"] %= 1_000_000  # so that many of them are no more than may be paid at once
        body["amountCents"] = sum(each["quantity"] * each["unitPriceCents"] for each in lines)
    except (TypeError, KeyError):
        return  # it was made wrong
    if "vendorId" in body and chance.random() < 0.5:
        body["vendorId"] = VENDOR
    if body.get("payerType") == "driver_ic":
        body["payerId"] = DRIVER


def faults(who: str, method: bytes, path: bytes, answer: Answered) -> Iterator[str]:
    """What somebody was shown or allowed that is not theirs."""
    yield from documented.faults_of_role("admin" if who == "stranger" else who, method, path, answer)
    if answer.status >= 300 or answer.headers.get("content-type") != "application/json":
        return
    for payment in documented.payments_in(answer.json):
        if payment["orgId"] != PEOPLE[who].get("org", "default"):
            yield f"a payment of {payment['orgId']}"
        if who == "vendor" and payment["vendorId"] != VENDOR:
            yield f"a payment of vendor {payment['vendorId']}"
        if who == "driver" and payment["payerId"] != DRIVER:
            yield f"a payment of {payment['payerId']}"
