"""Bulk over the edge: what a body may be, and that each item is answered as it would be alone."""

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.api.asking import JSON, Answered, Caller, Desk
from vendorpay.api import answers, bulk, examples
from vendorpay.api.bulk_bodies import APPROVALS_MAX, ITEMS_MAX
from vendorpay.api.operation import BODY_BYTES_MAX, BULK_BYTES_MAX
from vendorpay.domain.errors import DatabaseUnavailable, Overloaded
from vendorpay.domain.fault_budget import ITEM_FAULTS_MAX
from vendorpay.domain.parsing import FAULTS_MAX
from vendorpay.usecases.approve_payments import ApproveInBulk
from vendorpay.usecases.create_payments import CreateInBulk

pytestmark = pytest.mark.anyio

BULK, APPROVALS = "/payments/bulk", "/payments/approvals"
LINES = {"content-type": "application/x-ndjson"}
KINDS = ["application/x-ndjson", "application/jsonl", "application/x-ndjson; charset=utf-8", "Application/JSONL"]


def a_payment(**fields: Any) -> dict[str, Any]:
    return {**examples.NEW_PAYMENT, "incidentId": str(uuid4()), **fields}


def in_lines(*items: Any) -> bytes:
    return b"\n".join(item if isinstance(item, bytes) else msgspec.json.encode(item) for item in items)


async def send(caller: Caller, *items: Any, **more: Any) -> list[dict[str, Any]]:
    """The results of a bulk request line by line."""
    answer = await caller.ask("POST", BULK, body=in_lines(*items), headers={**LINES, **more})
    assert answer.status == 200, answer.body
    results: list[dict[str, Any]] = answer.json["results"]
    assert [each["index"] for each in results] == list(range(len(results)))
    return results


ODD_ITEMS: list[Any] = [
    a_payment(amountCents=1, currancy="USD", vendorId="x"),
    a_payment(amountCents="12500"),
    b'{"amountCents": 1, "amountCents": 2}',
    b"{",
    b"null",
    b"[]",
    b"5",
    b"\xff",
    b'{"reference": "\\ud800"}',
    b"[" * 100_000,
    b"NaN",
    a_payment(metadata={"x": "y" * BODY_BYTES_MAX}),
    a_payment(reference="\u0000"),
]


@pytest.mark.parametrize("item", ODD_ITEMS, ids=range(len(ODD_ITEMS)))
async def test_an_item_is_refused_with_the_very_problem_that_it_would_get_alone(service: Caller, item: Any) -> None:
    raw = in_lines(item)
    alone = await service.ask("POST", "/payments", body=raw, headers=JSON)
    first, odd, last = await send(service, a_payment(), raw, a_payment())
    assert (first["status"], last["status"]) == (201, 201)
    assert odd.keys() == {"index", "status", "problem"}
    assert odd["status"] == alone.status >= 400
    assert odd["problem"] | {"requestId": ""} == alone.json | {"requestId": ""}


async def test_what_is_created_is_what_is_stored_and_a_twin_is_named(service: Caller) -> None:
    one = a_payment()
    created, twin = await send(service, one, one)
    assert created.keys() == {"index", "status", "payment"}
    payment = created["payment"]
    assert (twin["status"], twin["problem"]["code"]) == (409, "duplicate_payment")
    assert twin["problem"]["existingPaymentId"] == payment["paymentId"]
    shown = await service.ask("GET", f"/payments/{payment['paymentId']}")
    assert shown.json == payment


async def test_an_array_and_lines_are_read_alike(caller: Caller, desk: Desk) -> None:
    items = [a_payment(), a_payment(reference="Ünïcode  🚗")]
    lines = in_lines(*items)
    with_blanks = b"\n\r\n" + lines.replace(b"\n", b"\r\n\n \t\n") + b"\n"
    asked = [caller.ask("POST", BULK, body=items)]
    asked += [
        caller.ask("POST", BULK, body=body, headers={"content-type": kind})
        for kind in KINDS
        for body in (lines, with_blanks)
    ]
    assert {(await each).status for each in asked} == {200}
    taken = [command.new for command in desk.taken if isinstance(command, CreateInBulk)]
    assert taken == taken[:2] * len(asked)
    assert [str(new.incident_id) for new in taken[:2]] == [item["incidentId"] for item in items]


@pytest.mark.parametrize("body", [b"", b"{", b"[{}", b"[{}]x", b"[{},]", b"\xff[]", b"[" * 100_000])
async def test_an_array_that_is_none_is_refused_as_a_whole(caller: Caller, desk: Desk, body: bytes) -> None:
    assert (await caller.ask("POST", BULK, body=body, headers=JSON)).code == "malformed_json"
    assert desk.taken == []


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b"7", b'"x"'])
async def test_what_holds_no_payments_is_refused_as_a_whole(caller: Caller, desk: Desk, body: bytes) -> None:
    assert (await caller.ask("POST", BULK, body=body, headers=JSON)).faults.keys() == {"$"}
    assert (await caller.ask("POST", BULK, body=b" \r\n\t\n", headers=LINES)).faults.keys() == {"$"}
    assert desk.taken == []


async def test_too_many_items_are_refused_before_any_is_looked_at(caller: Caller, desk: Desk) -> None:
    for many, headers in ((b"[" + b"0," * ITEMS_MAX + b"0]", JSON), (b"0\n" * (ITEMS_MAX + 1), LINES)):
        answer = await caller.ask("POST", BULK, body=many, headers=headers)
        assert str(ITEMS_MAX) in answer.faults["$"]
    for just, headers in ((b"[" + b"0," * (ITEMS_MAX - 1) + b"0]", JSON), (b"0\n" * ITEMS_MAX, LINES)):
        answer = await caller.ask("POST", BULK, body=just, headers=headers)
        assert {each["status"] for each in answer.json["results"]} == {400}
        assert len(answer.json["results"]) == ITEMS_MAX
    assert desk.taken == []


async def test_a_body_over_the_limit_is_refused_unread_and_other_kinds_of_it_are_named(caller: Caller) -> None:
    length = {"content-length": str(BULK_BYTES_MAX + 1)}
    assert (await caller.ask("POST", BULK, body=b"{}", headers={**LINES, **length})).code == "body_too_large"
    assert caller.reads == 0
    assert (await caller.ask("POST", BULK, body=b"{}", headers={"content-type": "text/csv"})).status == 415
    assert (await caller.ask("POST", "/payments", body=b"{}", headers=LINES)).status == 415
    assert (await caller.ask("POST", APPROVALS, body=b"{}", headers=LINES)).status == 415


@pytest.mark.parametrize(
    ("role", "creates", "approves"),
    [
        ("admin", 200, 200),
        ("dispatcher", 200, 200),
        ("service", 200, 403),
        ("auditor", 403, 403),
        ("driver", 403, 403),
        ("vendor", 403, 403),
    ],
)
async def test_who_may_import_and_approve(caller: Caller, role: str, creates: int, approves: int) -> None:
    asked = {"role": role, "sub": examples.DRIVER_ID, "claims": {"vendor": examples.VENDOR_ID}}
    assert (await caller.ask("POST", BULK, body=[a_payment()], **asked)).status == creates  # type: ignore[arg-type]
    body = {"paymentIds": [examples.PAYMENT_ID]}
    assert (await caller.ask("POST", APPROVALS, body=body, **asked)).status == approves  # type: ignore[arg-type]


async def test_approvals_name_every_wrong_id_and_every_id_that_comes_again(caller: Caller, desk: Desk) -> None:
    one, two = str(uuid4()), str(uuid4())
    wrong = await caller.ask("POST", APPROVALS, body={"paymentIds": [one, "x", 7, two], "note": "?"})
    assert wrong.faults.keys() == {"paymentIds[1]", "paymentIds[2]", "note"}
    twice = await caller.ask("POST", APPROVALS, body={"paymentIds": [one, two, one.upper(), two], "notes": "n"})
    assert twice.faults.keys() == {"paymentIds[2]", "paymentIds[3]"}
    assert one in twice.faults["paymentIds[2]"]
    for ids in ([], [str(uuid4()) for _ in range(APPROVALS_MAX + 1)], None, "x"):
        assert (await caller.ask("POST", APPROVALS, body={"paymentIds": ids})).faults.keys() == {"paymentIds"}
    assert (await caller.ask("POST", APPROVALS, body={})).faults.keys() == {"paymentIds"}
    assert desk.taken == []
    fine = await caller.ask("POST", APPROVALS, body={"paymentIds": [one, two], "notes": "n"})
    assert [each["status"] for each in fine.json["results"]] == [200, 200]
    approvals = [command for command in desk.taken if isinstance(command, ApproveInBulk)]
    assert [(str(each.payment_id), each.notes) for each in approvals] == [(one, "n"), (two, "n")]


async def test_many_are_approved_and_refused_each_for_itself(service: Caller) -> None:
    created = await send(service, *(a_payment() for _ in range(3)))
    body = {"paymentIds": [*(each["payment"]["paymentId"] for each in created), str(uuid4())], "notes": "seen"}
    own = await service.ask("POST", APPROVALS, body=body)
    assert [each["problem"]["code"] for each in own.json["results"]] == ["four_eyes"] * 3 + ["not_found"]
    other = await service.ask("POST", APPROVALS, body=body, sub=examples.APPROVER)
    assert [each["status"] for each in other.json["results"]] == [200, 200, 200, 404]
    assert {each["payment"]["status"] for each in other.json["results"][:3]} == {"approved"}
    again = await service.ask("POST", APPROVALS, body=body, sub=examples.APPROVER)
    assert [each["problem"]["code"] for each in again.json["results"][:3]] == ["already_decided"] * 3


async def test_a_replay_says_so_for_each_item_and_for_the_whole_when_it_is_one(service: Caller) -> None:
    key = {"Idempotency-Key": "k" * 255}
    body = in_lines(a_payment(), a_payment())
    first = await service.ask("POST", BULK, body=body, headers={**LINES, **key})
    again = await service.ask("POST", BULK, body=body, headers={**LINES, **key})
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert [each["replayed"] for each in again.json["results"]] == [True, True]
    assert [each["payment"] for each in again.json["results"]] == [each["payment"] for each in first.json["results"]]
    other = await service.ask("POST", BULK, body=in_lines(a_payment()), headers={**LINES, **key})
    assert (other.status, other.code) == (422, "idempotency_key_reused")


async def test_an_item_that_fails_on_our_side_is_a_problem_of_its_own_and_logged(
    caller: Caller, desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.answer = RuntimeError("a bug that may quote a row")
    answer = await caller.ask("POST", BULK, body=[a_payment() for _ in range(bulk.LOGGED_MAX + 5)])
    assert answer.status == 200
    problems = [each["problem"] for each in answer.json["results"]]
    assert {(each["status"], each["code"]) for each in problems} == {(500, "internal_error")}
    assert b"quote" not in answer.body
    logged = [line for line in capfd.readouterr().err.splitlines() if "RuntimeError" in line]
    assert len(logged) == bulk.LOGGED_MAX
    assert answer.headers["x-request-id"] in logged[0]


@pytest.mark.parametrize("error", [Overloaded(), DatabaseUnavailable()])
async def test_when_nothing_can_be_done_the_whole_is_503_else_only_those_items(
    caller: Caller, desk: Desk, error: Exception
) -> None:
    desk.answer = error
    whole = await caller.ask("POST", BULK, body=[a_payment(), a_payment()])
    assert (whole.status, "retry-after" in whole.headers) == (503, True)
    partly: Answered = await caller.ask("POST", BULK, body=[a_payment(), {}])
    assert [each["status"] for each in partly.json["results"]] == [503, 400]


def test_the_items_that_are_sent_are_those_of_the_document() -> None:
    assert bulk._Item.__struct_encode_fields__ == answers.BulkResult.__struct_encode_fields__


async def test_the_faults_of_one_answer_are_counted_together(caller: Caller) -> None:
    """A thousand for each item made 42 MiB of answer out of 2 MiB of body, and took 27 seconds."""
    wrong = {f"k{n}": 1 for n in range(FAULTS_MAX)}
    answer = await caller.ask("POST", BULK, body=[wrong, wrong, {}, wrong])
    counts = [len(each["problem"]["errors"]) for each in answer.json["results"]]
    assert counts == [FAULTS_MAX, ITEM_FAULTS_MAX, ITEM_FAULTS_MAX, ITEM_FAULTS_MAX]
    few = await caller.ask("POST", BULK, body=[{**a_payment(), "vendorId": 1, "currancy": 1}] * 3)
    assert {len(each["problem"]["errors"]) for each in few.json["results"]} == {2}
