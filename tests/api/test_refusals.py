"""Which refusal comes first, and what each of them looks like."""

from uuid import UUID

import msgspec
import pytest
from psycopg.errors import DiskFull

from tests.api.asking import JSON, Caller, Desk
from vendorpay.api import examples
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.domain import errors
from vendorpay.domain.roles import GRANTS, Role

pytestmark = pytest.mark.anyio

GUARDED = [each for each in OPERATIONS if each.permission is not None]
each_guarded = pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.name)


def broken(operation: Operation) -> str:
    """A path of the operation that is wrong in its id and its query."""
    return operation.path.replace("{id}", "not-a-uuid") + "?unknown=1"


@each_guarded
async def test_without_a_token_nothing_else_is_looked_at(caller: Caller, operation: Operation) -> None:
    """Origin 4: a missing claim was a 500."""
    answer = await caller.ask(operation.method, broken(operation), role=None, headers={"content-length": "999999999"})
    assert answer.code == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert caller.reads == 0


@each_guarded
@pytest.mark.parametrize("role", [*Role, "janitor"])
async def test_without_the_permission_the_body_is_not_read(caller: Caller, operation: Operation, role: str) -> None:
    """Origin 49, 51, 56: any signed-in user created, paid and exported."""
    assert operation.permission is not None
    answer = await caller.ask(operation.method, broken(operation), role=role, headers={"content-length": "999999999"})
    if role in GRANTS[operation.permission]:
        assert answer.status in {400, 413} or (role == "vendor" and answer.code == "forbidden")
    else:
        assert answer.code == "forbidden"
    assert caller.reads == 0


async def test_a_vendors_token_without_its_vendor_may_see_nothing(caller: Caller) -> None:
    assert (await caller.ask("GET", "/payments/not-a-uuid", role="vendor")).code == "forbidden"


@each_guarded
async def test_a_wrong_id_or_parameter_is_named(caller: Caller, operation: Operation) -> None:
    body = next(iter(operation.body.examples.values())) if operation.body else None
    answer = await caller.ask(operation.method, broken(operation), body=body)
    assert answer.code == "invalid_request"
    assert answer.faults.keys() == {"unknown"} | ({"id"} if "{id}" in operation.path else set())


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "%00",
        "%ff",
        "%",
        "%zz",
        "a%2Fb",
        "é",
        "{019a2c5e7d107c3a9b526f0e4d8a1c27}",
        "019a2c5e7d107c3a9b526f0e4d8a1c27",
    ],
)
async def test_an_id_that_is_no_uuid_is_never_a_500(caller: Caller, text: str) -> None:
    """Origin 70: a non-UUID id was a 500."""
    assert (await caller.ask("GET", f"/payments/{text}")).faults == {"id": "must be a UUID"}


@pytest.mark.parametrize("path", ["/", "", "/payment", "/payments/", "//payments", "/payments/x/y/z", "/%00", "/\xff"])
async def test_an_unknown_path_is_not_found(caller: Caller, path: str) -> None:
    assert (await caller.ask("GET", path, role=None)).code == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/payments", "GET, HEAD, POST"),
        ("DELETE", f"/payments/{examples.PAYMENT_ID}", "GET, HEAD, PATCH"),
        ("GET", f"/payments/{examples.PAYMENT_ID}/approve", "POST"),
        ("HEAD", f"/payments/{examples.PAYMENT_ID}/approve", "POST"),
        ("POST", "/payments/pending", "GET, HEAD"),
        ("OPTIONS", "/events", "GET, HEAD, POST"),
        ("TRACE", "/health/live", "GET, HEAD"),
        ("get", "/health/live", "GET, HEAD"),
    ],
)
async def test_another_method_is_refused_with_those_that_are_allowed(
    caller: Caller, method: str, path: str, allowed: str
) -> None:
    answer = await caller.ask(method, path, role=None)
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    assert method == "HEAD" or answer.code == "method_not_allowed"


@pytest.mark.parametrize(
    "values",
    [[""], ["Bearer"], ["Bearer "], ["Basic dXNlcg=="], ["Bearer a b"], ["Bearer é"], ["Bearer x.y.z"], ["a", "b"]],
)
async def test_what_is_no_bearer_token_is_unauthenticated(caller: Caller, values: list[str]) -> None:
    headers = [("Authorization", value) for value in values]
    assert (await caller.ask("GET", "/payments", role=None, headers=headers)).code == "unauthenticated"


async def test_two_tokens_are_one_too_many(caller: Caller) -> None:
    headers = {"Authorization": f"Bearer {caller.token('admin')}"}
    assert (await caller.ask("POST", "/payments", role="admin", headers=headers)).code == "unauthenticated"


async def test_the_scheme_is_read_in_any_case(caller: Caller) -> None:
    headers = {"Authorization": f"bEARER  {caller.token('admin')}", **JSON}
    assert (await caller.ask("POST", "/payments", role=None, headers=headers)).code == "malformed_json"


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "é", "nul\x00"])
async def test_an_idempotency_key_beyond_its_form_is_refused(caller: Caller, key: str) -> None:
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT, headers={"Idempotency-Key": key})
    assert answer.faults.keys() == {"Idempotency-Key"}


async def test_two_idempotency_keys_are_one_too_many(caller: Caller) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT, headers=headers)
    assert answer.faults.keys() == {"Idempotency-Key"}


async def test_a_keys_fingerprint_tells_path_query_and_body_apart(caller: Caller, desk: Desk) -> None:
    other = examples.INCIDENT_ID
    targets = [f"/payments/{examples.PAYMENT_ID}/approve", f"/payments/{other}/approve"]
    for target in targets:
        for raw in (b"", b"{}", b"{ }"):
            await caller.ask("POST", target, body=raw, headers={**JSON, "Idempotency-Key": "k" * 255})
    prints = [command.key.fingerprint for command in desk.taken if command.key]
    assert len(set(prints)) == len(prints) == 6
    await caller.ask("POST", targets[0], body=b"{}", headers={**JSON, "Idempotency-Key": "other"})
    assert desk.taken[-1].key is not None
    assert desk.taken[-1].key.fingerprint == prints[1]


async def test_a_replayed_answer_says_so(caller: Caller, desk: Desk) -> None:
    assert not isinstance(desk.answer, Exception)
    first = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT)
    assert "idempotent-replayed" not in first.headers
    desk.answer = msgspec.structs.replace(desk.answer, replayed=True)
    again = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.body == first.body


async def test_a_duplicate_names_the_payment_that_exists(caller: Caller, desk: Desk) -> None:
    desk.answer = errors.DuplicatePayment(UUID(examples.PAYMENT_ID))
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT)
    assert answer.code == "duplicate_payment"
    assert answer.json["existingPaymentId"] == examples.PAYMENT_ID


@pytest.mark.parametrize("error", [errors.DatabaseUnavailable(), errors.Overloaded(), errors.IssuerUnavailable()])
async def test_what_passes_by_itself_says_when_to_come_back(
    caller: Caller, desk: Desk, error: errors.VendorPayError
) -> None:
    desk.answer = error
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_why_the_database_did_not_serve_is_in_the_log_and_not_in_the_answer(
    caller: Caller, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.answer = errors.DatabaseUnavailable()
    desk.answer.__cause__ = DiskFull("could not extend file base/16384/hunter2")
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT, headers={"X-Request-Id": "find-me-8"})
    assert answer.code == "database_unavailable"
    assert b"extend" not in answer.body
    logged = [line for line in capsys.readouterr().err.splitlines() if "find-me-8" in line and "53100" in line]
    assert len(logged) == 1
    assert "hunter2" not in logged[0]


async def test_an_unforeseen_error_shows_nothing_of_the_inside(
    caller: Caller, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.answer = RuntimeError("password=hunter2 in table payments")
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT, headers={"X-Request-Id": "find-me-7"})
    assert answer.status == 500
    assert answer.code == "internal_error"
    assert b"hunter2" not in answer.body
    logged = capsys.readouterr().err
    assert "find-me-7" in logged
    assert "RuntimeError" in logged
    assert "hunter2" not in logged


async def test_thousands_of_faults_make_no_endless_answer(caller: Caller) -> None:
    body = {f"field{n}": 0 for n in range(10_000)}
    answer = await caller.ask("POST", "/payments", body=body)
    assert answer.code == "invalid_request"
    assert len(answer.json["errors"]) == 1_000
