"""The functions of the API answer as the service does: the real runtime client, a real database, both gateways."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import psycopg
import pytest

from tests.api.asking import Answered, Caller
from tests.api.in_process import service_on
from tests.aws.conftest import StartFunction, environment_of
from tests.aws.gateway_events import V1, V2, VERSIONS, claims, event
from tests.aws.runtime_api import InitError, LambdaFunction
from tests.database import DatabaseUrls
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api import examples, webhook_examples
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.entrypoints.aws.api import operations_of
from vendorpay.entrypoints.aws.functions import API_HANDLER, FUNCTIONS, DatabaseRole, Function, Right

HEADERS_THAT_COUNT: Final[tuple[str, ...]] = (
    "content-type",
    "cache-control",
    "idempotent-replayed",
    "allow",
    "www-authenticate",
)
OWN_WORDS: Final = frozenset({"getMetrics", "getReference"})
"""What they say is about their own process: its status and its type are compared."""
# What no two runs have in common.
_VOLATILE: Final = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]+"), "<secret>"),
)


def row_of(operation: Operation) -> Function:
    (row,) = [row for row in FUNCTIONS if operation.name in row.operations]
    return row


def test_every_operation_is_one_functions_and_no_function_answers_anything_else() -> None:
    assert {row_of(operation).handler for operation in OPERATIONS} == {API_HANDLER}
    known = {operation.name for operation in OPERATIONS}
    assert {name for row in FUNCTIONS for name in row.operations} <= known


@pytest.mark.parametrize("row", [row for row in FUNCTIONS if row.operations], ids=lambda row: row.name)
def test_a_function_imports_all_of_its_operations_and_they_are_those_of_the_table(row: Function) -> None:
    table = {operation.name: operation for operation in OPERATIONS}
    assert {operation.name: operation for operation in operations_of(row)} == {
        name: table[name] for name in row.operations
    }


@dataclass
class Office:
    """One way to ask, with ids of what was made on the way."""

    ask: Callable[[Operation, str, Mapping[str, str], bytes | None, str | None, str], Any]
    made: dict[str, str] = field(default_factory=dict)

    async def answer(self, operation: Operation) -> tuple[int, dict[str, str], Any]:
        """What comes of an operation's first example, asked by an admin who did not create what is there."""
        target = operation.path.format_map({"id": "", **operation.path_examples})
        if operation.query_examples:
            target += f"?{urlencode(operation.query_examples)}"
        body = None
        headers: dict[str, str] = {}
        if operation.body is not None:
            body = msgspec.json.encode(next(iter(operation.body.examples.values())))
            headers = {"Content-Type": "application/json", "Idempotency-Key": operation.name}
        if operation.if_match_required:
            headers["If-Match"] = "*"
        for example, own in self.made.items():
            target, body = target.replace(example, own), body and body.replace(example.encode(), own.encode())
        sub = examples.CREATOR if operation.name == "createPayment" else examples.APPROVER
        role = None if operation.permission is None else "admin"
        answered: Answered = await self.ask(operation, target, headers, body, role, sub)
        self._remember(operation, answered)
        kept: dict[str, str] = {name: answered.headers[name] for name in HEADERS_THAT_COUNT if name in answered.headers}
        return answered.status, kept, said(operation, answered)

    def _remember(self, operation: Operation, answered: Answered) -> None:
        if operation.name == "createPayment":
            self.made[examples.PAYMENT_ID] = answered.json["paymentId"]
        elif operation.name == "createWebhookEndpoint":
            self.made[webhook_examples.ENDPOINT_ID] = answered.json["endpointId"]


def said(operation: Operation, answered: Answered) -> Any:
    if operation.name in OWN_WORDS:
        return bool(answered.body)
    text = answered.body.decode()
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return msgspec.json.decode(text) if text else None


class Functions:
    """Asks each operation of its own function, through events of one gateway."""

    def __init__(self, version: str, urls: DatabaseUrls, stack: ExitStack) -> None:
        self._version, self._urls, self._stack = version, urls, stack
        self._started: dict[str, LambdaFunction] = {}

    async def ask(
        self,
        operation: Operation,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        role: str | None,
        sub: str,
    ) -> Answered:
        row = row_of(operation)
        if row.name not in self._started:
            function = LambdaFunction(row.handler, environment_of(row.name, self._urls))
            self._started[row.name] = self._stack.enter_context(function)
        asked = event(
            self._version,
            operation.method,
            target,
            template=operation.path,
            who=claims(role, sub=sub) if role else None,
            headers=[*headers.items()],
            body=body,
        )
        return answered_by(self._started[row.name].invoke(asked))


def answered_by(response: Mapping[str, Any]) -> Answered:
    """A gateway's response as what its caller gets."""
    headers = response.get("headers") or {name: values[-1] for name, values in response["multiValueHeaders"].items()}
    assert not response["isBase64Encoded"]
    return Answered(response["statusCode"], dict(headers), response["body"].encode())


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    return LocalIssuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
async def offices(
    issuer: LocalIssuer, make_database: Callable[[], DatabaseUrls]
) -> AsyncIterator[Mapping[str, Office]]:
    """The service itself, and its functions behind either gateway; each on a database of its own."""
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(service_on(issuer, make_database().app))
        processes = stack.enter_context(ExitStack())
        yield {
            "service": Office(_asking(caller)),
            **{version: Office(Functions(version, make_database(), processes).ask) for version in VERSIONS},
        }


def _asking(caller: Caller) -> Any:
    async def ask(
        operation: Operation,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        role: str | None,
        sub: str,
    ) -> Answered:
        return await caller.ask(operation.method, target, role=role, sub=sub, body=body, headers=dict(headers))

    return ask


@pytest.mark.anyio
@pytest.mark.timeout(240)
async def test_every_operation_answers_the_same_everywhere(offices: Mapping[str, Office]) -> None:
    """Each operation of the table, asked of the ASGI app and of its function, through both kinds of gateway."""
    for operation in OPERATIONS:
        expected = await offices["service"].answer(operation)
        for version in VERSIONS:
            found = await offices[version].answer(operation)
            assert found == expected, f"{operation.name} through {version}"
        assert expected[0] < 500, operation.name


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_another_functions_is_refused_as_the_service_refuses_it(
    version: str, start_function: StartFunction
) -> None:
    get = start_function("get-payment")
    elsewhere = answered_by(get.invoke(event(version, "GET", "/payments/x/audit-log", who=claims("admin"))))
    assert (elsewhere.status, elsewhere.code) == (404, "not_found")
    target = f"/payments/{examples.PAYMENT_ID}"
    wrong = answered_by(get.invoke(event(version, "DELETE", target, who=claims("admin"))))
    assert (wrong.status, wrong.code, wrong.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")
    head = get.invoke(event(version, "HEAD", target, who=claims("admin")))
    assert (head["statusCode"], head["body"]) == (404, "")


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_can_say_himself_who_he_is(version: str, start_function: StartFunction, issuer: LocalIssuer) -> None:
    """Origin 4: without what the authorizer has checked it is 401, whatever else the request says."""
    get = start_function("get-payment")
    told = msgspec.json.encode(claims("admin")).decode()
    lies = [
        ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
        ("X-Amzn-Oidc-Data", told),
        ("X-Claims", told),
        ("requestContext.authorizer.claims", told),
        ("sub", examples.CREATOR),
        ("custom:role", "admin"),
    ]
    made = event(version, "GET", f"/payments/{examples.PAYMENT_ID}?custom:role=admin", headers=lies)
    made["authorizer"] = made["claims"] = {"claims": claims("admin"), "jwt": {"claims": claims("admin")}}
    refused = answered_by(get.invoke(made))
    assert (refused.status, refused.code) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    for wrong in ({"iss": "https://elsewhere"}, {"client_id": "x"}, {"exp": 1}, {"token_use": "refresh"}):
        told_wrong = claims("admin", **wrong)
        refused = answered_by(get.invoke(event(version, "GET", f"/payments/{examples.PAYMENT_ID}", who=told_wrong)))
        assert refused.status == 401, wrong
    driver = event(version, "GET", f"/payments/{examples.PAYMENT_ID}", who=claims(None, **{"cognito:groups": "guests"}))
    assert answered_by(get.invoke(driver)).status == 403, "known, and without a role"


def test_what_only_reads_cannot_write(start_function: StartFunction, database_urls: DatabaseUrls) -> None:
    """Origin 61 and 62: a function that reads connects as a role that may do nothing else, and none as the owner."""
    for row in FUNCTIONS:
        table = {operation.name: operation for operation in OPERATIONS}
        if row.operations and all(table[name].method == "GET" for name in row.operations):
            assert row.role is DatabaseRole.READONLY, row.name
            assert not row.rights & {Right.PUBLISH_EVENTS, Right.KEEP_CHECKPOINTS}, row.name
        assert not row.operations or row.role is not DatabaseRole.OWNER, row.name
    create = start_function("create-payment", VENDORPAY_DATABASE_URL=database_urls.readonly)
    body = msgspec.json.encode(examples.NEW_PAYMENT)
    headers = [("Content-Type", "application/json")]
    asked = event(V2, "POST", "/payments", who=claims("admin"), headers=headers, body=body)
    assert answered_by(create.invoke(asked)).status == 500, "the database refuses; a function must be given its role"
    assert "InsufficientPrivilege" in create.log()


def test_each_caller_has_a_limit_of_his_own_in_the_period_that_was_meant(start_function: StartFunction) -> None:
    """Origin 64: `2/min` is two in a minute, for each caller; the third is told when to come again."""
    get = start_function("get-payment", VENDORPAY_RATE_LIMITS="read=2/min")
    target = f"/payments/{examples.PAYMENT_ID}"

    def ask(sub: str) -> Answered:
        return answered_by(get.invoke(event(V1, "GET", target, who=claims("admin", sub=sub))))

    assert [ask(examples.CREATOR).status for _ in range(3)] == [404, 404, 429]
    assert 1 <= int(ask(examples.CREATOR).headers["retry-after"]) <= 30
    assert ask(examples.APPROVER).status == 404


def test_readiness_asks_for_what_a_function_needs_and_no_more(
    start_function: StartFunction, database_urls: DatabaseUrls
) -> None:
    """Origin 24: it is ready with the settings that it is given, on the connection that it has."""
    service = start_function("service")
    asked = event(V2, "GET", "/health/ready")
    for _ in range(3):
        ready = answered_by(service.invoke(asked))
        assert (ready.status, ready.json["status"]) == (200, "ready")
    assert connections(database_urls) == 1
    away = start_function("service", VENDORPAY_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert answered_by(away.invoke(asked)).status == 503


def connections(urls: DatabaseUrls) -> int:
    with psycopg.connect(urls.superuser) as connection:
        statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'vendorpay'"
        row = connection.execute(statement, (urls.name,)).fetchone()
    assert row is not None
    return int(row[0])


def test_settings_that_cannot_be_used_are_told_at_the_start() -> None:
    """Every fault at once, before anybody asks (origin 21)."""
    environment = {"VENDORPAY_FUNCTION": "get-payment", "COGNITO_CLIENTIDS": "x"}
    with LambdaFunction(API_HANDLER, environment) as function, pytest.raises(InitError) as raised:
        function.start()
    for name in ("COGNITO_CLIENTIDS", "AURORA_ENDPOINT", "COGNITO_USER_POOL_ID"):
        assert name in raised.value.message
