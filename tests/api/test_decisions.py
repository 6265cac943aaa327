"""Edits, holds, releases and undone approvals over HTTP: bodies, ETags, If-Match, codes, and who sees what."""

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.api.asking import JSON, Answered, Caller, Desk
from vendorpay.api import examples
from vendorpay.domain.payment_patch import PaymentPatch
from vendorpay.usecases.command import Done
from vendorpay.usecases.hold_payment import HoldPayment
from vendorpay.usecases.release_payment import ReleasePayment
from vendorpay.usecases.undo_approval import UndoApproval
from vendorpay.usecases.update_payment import UpdatePayment

pytestmark = pytest.mark.anyio

A_PAYMENT = f"/payments/{examples.PAYMENT_ID}"
ANY = {"If-Match": "*"}
LINES = [{"description": "Tow", "quantity": 2, "unitPriceCents": 300}]


async def created(service: Caller, **changes: Any) -> tuple[str, Answered]:
    answer = await service.ask(
        "POST", "/payments", body={**examples.NEW_PAYMENT, "incidentId": str(uuid4()), **changes}
    )
    assert answer.status == 201, answer.body
    return f"/payments/{answer.json['paymentId']}", answer


async def patched(service: Caller, path: str, body: Any, match: str | None = "*", **more: Any) -> Answered:
    headers = {} if match is None else {"If-Match": match}
    return await service.ask("PATCH", path, body=body, headers={**headers, **more.pop("headers", {})}, **more)


async def posted(service: Caller, path: str, body: Any = None, **more: Any) -> Answered:
    return await service.ask("POST", path, **{"sub": examples.APPROVER, "body": body, **more})


async def test_an_edit_is_handed_in_as_it_was_sent(caller: Caller, desk: Desk) -> None:
    body = {"lineItems": LINES, "amountCents": 600, "metadata": {"a": None, "b": {"c": 1}}}
    assert (await patched(caller, A_PAYMENT, body, '"3", "4"')).status == 200
    (command,) = desk.taken
    assert isinstance(command, UpdatePayment)
    assert (command.versions, command.conditional, command.job) == (frozenset({3, 4}), True, None)
    assert command.patch == msgspec.convert(body, PaymentPatch)
    assert (await patched(caller, A_PAYMENT, body)).status == 200
    command = desk.taken[1]
    assert isinstance(command, UpdatePayment)
    assert (command.versions, command.conditional) == (None, True)
    for none in (None, "", " "):
        await patched(caller, A_PAYMENT, body, none)
        command = desk.taken[-1]
        assert isinstance(command, UpdatePayment)
        assert not command.conditional


async def test_a_merge_patch_may_be_called_one(caller: Caller, desk: Desk) -> None:
    headers = {**ANY, "Content-Type": "application/merge-patch+json"}
    assert (await caller.ask("PATCH", A_PAYMENT, body=b'{"metadata": {}}', headers=headers)).status == 200
    assert (
        await caller.ask("PATCH", A_PAYMENT, body=b'{"metadata": {}}', headers=ANY)
    ).code == "unsupported_media_type"


async def test_every_wrong_field_of_an_edit_is_named_at_once(caller: Caller, desk: Desk) -> None:
    assert (await patched(caller, A_PAYMENT, {})).faults.keys() == {"$"}
    wrong = {"lineItems": LINES, "amountCents": 601, "metadata": None, "reference": "x\n", "payerType": "driver_ic"}
    assert (await patched(caller, A_PAYMENT, wrong, "nonsense")).faults.keys() == {
        "If-Match",
        "amountCents",
        "metadata",
        "reference",
        "payerType",
    }
    twice = await caller.ask("PATCH", A_PAYMENT, body=b'{"metadata": {"a": 1, "a": 2}}', headers={**ANY, **JSON})
    assert twice.code == "malformed_json"
    assert desk.taken == []


async def test_a_hold_needs_a_reason_and_the_others_need_no_body(caller: Caller, desk: Desk) -> None:
    assert (await posted(caller, f"{A_PAYMENT}/hold", {"notes": "x", "reasonCode": "whim"})).faults.keys() == {
        "reason",
        "reasonCode",
    }
    assert (await posted(caller, f"{A_PAYMENT}/hold")).code == "unsupported_media_type"
    assert desk.taken == []
    assert (
        await posted(caller, f"{A_PAYMENT}/hold", {**examples.HOLD, "notes": "n"}, headers={"If-Match": '"7"'})
    ).status == 200
    (held,) = desk.taken
    assert isinstance(held, HoldPayment)
    assert (held.reason_code, held.notes, held.versions) == ("missing_documents", "n", frozenset({7}))
    for verb, kind in (("release", ReleasePayment), ("undo-approval", UndoApproval)):
        path = f"{A_PAYMENT}/{verb}"
        assert (await posted(caller, path)).status == 200
        assert (await posted(caller, path, b"", headers={**JSON, "If-Match": '"7"'})).status == 200
        assert (await posted(caller, path, {"notes": "came"})).status == 200
        assert (await posted(caller, path, {"reason": "x"})).faults.keys() == {"reason"}
        bare, matched, noted = desk.taken[-3:]
        assert isinstance(bare, kind)
        assert isinstance(matched, kind)
        assert isinstance(noted, kind)
        assert (bare.notes, bare.versions, matched.versions, noted.notes) == (None, None, frozenset({7}), "came")


async def test_fault_81_every_answer_that_is_a_payment_has_its_version_as_its_etag(service: Caller) -> None:
    """Origin 81: there was nothing to tell one state of a payment from another."""
    path, made = await created(service)
    steps = [
        made,
        await patched(service, path, {"reference": "TW-2"}, '"1"'),
        await posted(service, f"{path}/hold", examples.HOLD),
        await posted(service, f"{path}/release"),
        await posted(service, f"{path}/approve"),
        await posted(service, f"{path}/undo-approval"),
        await patched(service, path, {"lineItems": LINES, "amountCents": 600}, '"6"'),
        await posted(service, f"{path}/cancel", {"reason": "enough"}),
    ]
    for version, answer in enumerate(steps, start=1):
        assert answer.headers["etag"] == f'"{version}"'
        assert answer.json["version"] == version
    assert (await service.ask("GET", path)).headers["etag"] == '"8"'
    actions = [entry["action"] for entry in (await service.ask("GET", f"{path}/audit-log")).json["entries"]]
    assert actions == [
        "payment_created",
        "payment_updated",
        "payment_held",
        "payment_released",
        "payment_approved",
        "approval_undone",
        "payment_updated",
        "payment_cancelled",
    ]
    assert (await posted(service, f"{path}/reject", {"reason": "x"})).code == "already_decided"


async def test_a_replayed_answer_has_the_etag_it_had(service: Caller) -> None:
    path, _ = await created(service)
    key = {"Idempotency-Key": "twice"}
    first = await patched(service, path, {"metadata": {"a": 1}}, '"1"', headers=key)
    await posted(service, f"{path}/hold", examples.HOLD)
    again = await patched(service, path, {"metadata": {"a": 1}}, '"1"', headers=key)
    assert (again.status, again.body, again.headers["etag"]) == (200, first.body, '"2"')
    assert again.headers["idempotent-replayed"] == "true"


async def test_the_etag_is_the_payments_own_version_whatever_else_is_called_so(caller: Caller, desk: Desk) -> None:
    tricky = {
        **examples.PAYMENT,
        "version": 17,
        "reference": ',"version":99',
        "metadata": {"version": 98, "a": {"b": 1, "version": 97}, 'x,"version":96,': ',"version":95'},
    }
    desk.answer = Done(answer=msgspec.json.encode(tricky), payment_id=None)
    answer = await posted(caller, f"{A_PAYMENT}/release")
    assert (answer.headers["etag"], answer.body) == ('"17"', msgspec.json.encode(tricky))


async def test_refusals_of_edits_have_the_promised_codes_in_the_promised_order(service: Caller) -> None:
    path, made = await created(service)
    job = {name: made.json[name] for name in ("incidentId", "vendorId")}
    body = {"lineItems": LINES, "amountCents": 600}
    nowhere = f"/payments/{uuid4()}"
    for patch in (body, {"reference": "R"}):
        assert (await patched(service, nowhere, patch, None)).code == "not_found"
        unseen = await patched(service, path, patch, None)
        assert (unseen.status, unseen.code) == (428, "precondition_required")
        stale = await patched(service, path, patch, '"2"')
        assert (stale.status, stale.code) == (412, "precondition_failed")
    assert (await patched(service, path, {"amountCents": 1})).faults.keys() == {"amountCents"}
    assert (await patched(service, path, {"lineItems": LINES})).faults.keys() == {"amountCents"}
    assert (await patched(service, path, {"metadata": {"a": "x" * 9_000}})).faults.keys() == {"metadata"}
    twin_path, twin = await created(service, **job, reference="other")
    taken = await patched(service, path, {"reference": "other"})
    assert (taken.status, taken.code) == (409, "duplicate_payment")
    assert taken.json["existingPaymentId"] == twin.json["paymentId"]
    await posted(service, f"{path}/reject", {"reason": "no"})
    assert (await patched(service, path, body, '"1"')).code == "precondition_failed"
    ended = await patched(service, path, body)
    assert (ended.status, ended.code) == (409, "invalid_transition")
    assert (await service.ask("GET", twin_path)).headers["etag"] == '"1"'


async def test_a_held_payment_is_not_approved_until_it_is_released(service: Caller) -> None:
    """Origin 80: no reject, cancel, hold or edit anywhere."""
    path, _ = await created(service)
    held = await posted(service, f"{path}/hold", examples.HOLD, role="dispatcher")
    assert held.json["holds"] == [
        {
            "kind": "manual",
            "reason": examples.HOLD["reason"],
            "by": examples.APPROVER,
            "at": held.json["updatedAt"],
        }
    ]
    refused = await posted(service, f"{path}/approve")
    assert (refused.status, refused.code) == (409, "payment_held")
    (listed,) = (await service.ask("GET", "/payments/pending")).json["payments"]
    assert listed == held.json
    assert (await posted(service, f"{path}/release")).json["holds"] == []
    assert (await posted(service, f"{path}/approve")).json["status"] == "approved"


async def test_payees_see_no_hold_and_no_metadata_of_an_edited_payment(service: Caller) -> None:
    path, made = await created(service)
    await posted(service, f"{path}/hold", {"reason": "we doubt her"})
    await patched(service, path, {"metadata": {"inside": "only"}})
    claims = {"vendor": made.json["vendorId"]}
    seen = await service.ask("GET", path, role="vendor", claims=claims)
    assert (seen.status, seen.json["version"]) == (200, 3)
    assert not {"holds", "metadata", "approvals"} & seen.json.keys()
    assert b"doubt" not in seen.body
    assert b"inside" not in seen.body
    assert examples.APPROVER.encode() not in seen.body


@pytest.mark.parametrize("role", ["auditor", "service", "vendor", "driver"])
async def test_only_the_back_office_edits_and_holds(caller: Caller, role: str) -> None:
    for method, path in (("PATCH", ""), ("POST", "/hold"), ("POST", "/release"), ("POST", "/undo-approval")):
        claims = {"vendor": examples.VENDOR_ID} if role == "vendor" else {}
        answer = await caller.ask(method, f"{A_PAYMENT}{path}", role=role, claims=claims, body={"reason": "x"})
        assert answer.code == "forbidden"


async def test_another_organisations_payment_cannot_be_edited_or_held(service: Caller) -> None:
    path, made = await created(service)
    other: dict[str, Any] = {"claims": {"org": "elsewhere"}}
    for patch in ({"reference": "x"}, {"metadata": {"a": 1}}):
        assert (await patched(service, path, patch, **other)).code == "not_found"
    for verb, body in (("hold", {"reason": "x"}), ("release", None), ("undo-approval", None)):
        assert (await posted(service, f"{path}/{verb}", body, **other)).code == "not_found"
    assert (await service.ask("GET", path)).json == made.json
