"""Request bodies: what is read, what is refused, and that all faults are named."""

import json
import time

import pytest

from tests.api.asking import JSON, Caller, Desk
from vendorpay.api import examples
from vendorpay.api.event_array import split_events
from vendorpay.api.operation import BODY_BYTES_MAX, EVENTS_BYTES_MAX
from vendorpay.domain.errors import MalformedJson
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.parsing import refuse_repeated_keys
from vendorpay.usecases.approve_payment import ApprovePayment
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.reject_payment import RejectPayment

pytestmark = pytest.mark.anyio

APPROVE = f"/payments/{examples.PAYMENT_ID}/approve"
REJECT = f"/payments/{examples.PAYMENT_ID}/reject"


async def test_a_payment_is_handed_in_as_it_was_sent(caller: Caller, desk: Desk) -> None:
    answer = await caller.ask("POST", "/payments", body=examples.NEW_PAYMENT)
    assert answer.status == 201
    (command,) = desk.taken
    assert isinstance(command, CreatePayment)
    assert isinstance(command.new, NewPayment)
    assert command.new.amount_cents == 12_500
    assert command.caller.sub == examples.CREATOR


async def test_an_approval_needs_no_body_and_no_content_type(caller: Caller, desk: Desk) -> None:
    assert (await caller.ask("POST", APPROVE)).status == 200
    assert (await caller.ask("POST", APPROVE, body=b"", headers=JSON)).status == 200
    assert (await caller.ask("POST", APPROVE, chunks=[b"", b""])).status == 200
    assert all(isinstance(each, ApprovePayment) and each.notes is None for each in desk.taken)


async def test_an_approvals_body_reaches_the_decision(caller: Caller, desk: Desk) -> None:
    """Origin 73: the reviewer's notes were lost."""
    body = {"notes": "Seen.", "expectedDigest": "ab" * 32}
    assert (await caller.ask("POST", APPROVE, body=body)).status == 200
    (command,) = desk.taken
    assert isinstance(command, ApprovePayment)
    assert (command.notes, command.expected_digest) == ("Seen.", "ab" * 32)


async def test_a_body_sent_to_approve_obeys_the_schema(caller: Caller, desk: Desk) -> None:
    answer = await caller.ask("POST", APPROVE, body={"note": "misspelt", "expectedDigest": "AB"})
    assert answer.code == "invalid_request"
    assert answer.faults.keys() == {"note", "expectedDigest"}
    assert (await caller.ask("POST", APPROVE, body=b'{"notes": "x"}')).code == "unsupported_media_type"
    for wrong in (b"null", b"[]", b'"x"', b"1"):
        assert (await caller.ask("POST", APPROVE, headers=JSON, body=wrong)).faults.keys() == {"$"}
    assert desk.taken == []


async def test_a_rejection_needs_its_reason(caller: Caller, desk: Desk) -> None:
    assert (await caller.ask("POST", REJECT)).code == "unsupported_media_type"
    assert (await caller.ask("POST", REJECT, body=b"", headers=JSON)).code == "malformed_json"
    answer = await caller.ask("POST", REJECT, body={"reasonCode": "because"})
    assert answer.faults.keys() == {"reason", "reasonCode"}
    for reason in ("", "x" * 501, "nul \x00", 5):
        assert (await caller.ask("POST", REJECT, body={"reason": reason})).faults.keys() == {"reason"}
    assert desk.taken == []
    assert (await caller.ask("POST", REJECT, body=examples.REJECTION)).status == 200
    (command,) = desk.taken
    assert isinstance(command, RejectPayment)
    assert command.reason_code == "inflated"


async def test_every_wrong_field_of_path_query_header_and_body_is_named_at_once(caller: Caller) -> None:
    body = {"vendorId": 1, "amountCents": 1.5, "currancy": "USD", "lineItems": [{"quantity": "2"}, 7]}
    answer = await caller.ask("POST", "/payments?x=1", body=body, headers={"Idempotency-Key": ""})
    assert answer.code == "invalid_request"
    assert answer.faults.keys() == {
        "x",
        "Idempotency-Key",
        "incidentId",
        "vendorId",
        "payerType",
        "amountCents",
        "currancy",
        "lineItems[0].quantity",
        "lineItems[0].description",
        "lineItems[0].unitPriceCents",
        "lineItems[1]",
    }


@pytest.mark.parametrize("number", ["12500.0", "1.25e4", '"12500"', "true", "-1", "0", "1" + "0" * 400, "null"])
async def test_an_amount_that_is_no_integer_in_range_is_refused(caller: Caller, number: str) -> None:
    raw = f'{{"amountCents": {number}}}'.encode()
    answer = await caller.ask("POST", "/payments", body=raw, headers=JSON)
    assert answer.status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nonsense",
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b"\x00",
        b"{}{}",
        b"[1 2]",
        b"[1,]",
        b"[",
    ],
)
@pytest.mark.parametrize("target", ["/payments", "/events", APPROVE])
async def test_what_is_not_json_is_malformed_and_never_a_500(caller: Caller, target: str, raw: bytes) -> None:
    """Origin 70: bad JSON was a 500."""
    assert (await caller.ask("POST", target, body=raw, headers=JSON)).code == "malformed_json"


async def test_a_key_that_comes_twice_is_refused(caller: Caller, desk: Desk) -> None:
    raw = b'{"reason": "one", "reason": "two"}'
    answer = await caller.ask("POST", REJECT, body=raw, headers=JSON)
    assert answer.code == "malformed_json"
    assert "'reason'" in answer.json["detail"]
    assert desk.taken == []


def test_keys_are_compared_within_one_object_and_after_their_escapes() -> None:
    refuse_repeated_keys(b'{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}')
    for raw in (b'{"a": 1, "\\u0061": 2}', b'[{"x": {"a": [], "a": 0}}]'):
        with pytest.raises(MalformedJson):
            refuse_repeated_keys(raw)


def test_a_repeated_key_is_found_quickly_among_many() -> None:
    """It once took ten seconds of a processor, in which nobody else was answered."""
    keys = [f"{n:x}" for n in range(20_000)]
    raw = json.dumps(dict.fromkeys(keys, 1)).encode().replace(b"}", b', "4e1f": 1}')
    began = time.process_time()
    with pytest.raises(MalformedJson, match="'4e1f' comes twice"):
        refuse_repeated_keys(raw)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/cloudevents+json",
        " application/json ",
    ],
)
async def test_json_in_utf_8_is_taken(caller: Caller, kind: str) -> None:
    assert (await caller.ask("POST", REJECT, body=b'{"reason": "x"}', headers={"content-type": kind})).status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json; charset=latin-1", "application/jsonp", "", "json", "application/xml", "é"]
)
async def test_another_media_type_is_refused_with_the_body_unread(caller: Caller, kind: str) -> None:
    answer = await caller.ask("POST", REJECT, body=b'{"reason": "x"}', headers={"content-type": kind})
    assert answer.code == "unsupported_media_type"
    assert caller.reads == 0


@pytest.mark.parametrize(("target", "most"), [("/payments", BODY_BYTES_MAX), ("/events", EVENTS_BYTES_MAX)])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(caller: Caller, target: str, most: int) -> None:
    too_long = {**JSON, "content-length": str(most + 1)}
    answer = await caller.ask("POST", target, body=b"{}", headers=too_long)
    assert answer.code == "body_too_large"
    assert caller.reads == 0
    just_right = {**JSON, "content-length": str(most)}
    assert (await caller.ask("POST", target, body=b"{", headers=just_right)).code == "malformed_json"


async def test_a_body_in_chunks_is_cut_at_the_limit(caller: Caller) -> None:
    chunks = [b" " * 65_536] * 100
    answer = await caller.ask("POST", "/payments", chunks=chunks, headers=JSON)
    assert answer.code == "body_too_large"
    assert caller.reads == 5


async def test_a_body_of_exactly_the_limit_is_read(caller: Caller) -> None:
    raw = b'{"reason": "x"}'.ljust(BODY_BYTES_MAX)
    assert (await caller.ask("POST", REJECT, chunks=[raw[:1000], raw[1000:]], headers=JSON)).status == 200


def test_events_are_split_into_their_own_bytes() -> None:
    assert split_events(b' [ {"a": 1.0}, 7 ,"x", {"b":  [1e3]} ] ') == (
        [b'{"a": 1.0}', b"7", b'"x"', b'{"b":  [1e3]}'],
        [],
    )
    assert split_events(b" [ ] ") == ([], [])
    assert split_events(b'[{"a":"\\ud800"},{"\xc3\xa9":1e999}]')[0] == [b'{"a":"\\ud800"}', b'{"\xc3\xa9":1e999}']
    assert split_events(b'\n {"a": 1}\n') == ([b'{"a": 1}'], [])


async def test_events_are_an_object_or_at_most_a_thousand(caller: Caller, desk: Desk) -> None:
    for raw in (b"7", b'"x"', b"null", b"true", b"[" + b"{}," * 1000 + b"{}]"):
        answer = await caller.ask("POST", "/events", body=raw, headers=JSON)
        assert answer.code == "invalid_request"
        assert answer.faults.keys() == {"$"}
    assert desk.taken == []


async def test_a_compressed_body_and_a_blank_reason_are_refused(caller: Caller) -> None:
    compressed = {**JSON, "content-encoding": "gzip"}
    assert (
        await caller.ask("POST", REJECT, body=b'{"reason": "x"}', headers=compressed)
    ).code == "unsupported_media_type"
    plain = {**JSON, "content-encoding": "identity"}
    assert (await caller.ask("POST", REJECT, body=b'{"reason": "x"}', headers=plain)).status == 200
    blank = await caller.ask("POST", REJECT, body=b'{"reason": " \\n "}', headers=JSON)
    assert blank.faults.keys() == {"reason"}


@pytest.mark.parametrize(
    ("sent", "versions"),
    [('"7"', {7}), ('"7", "9"', {7, 9}), ('W/"7"', set()), ('"07"', set()), ('"abc"', set()), ("*", None), ("", None)],
)
async def test_if_match_is_handed_on_as_versions(
    caller: Caller, desk: Desk, sent: str, versions: set[int] | None
) -> None:
    assert (await caller.ask("POST", APPROVE, headers={"if-match": sent})).status == 200
    (command,) = desk.taken
    assert isinstance(command, ApprovePayment)
    assert command.versions == versions


async def test_an_if_match_that_is_none_is_named(caller: Caller) -> None:
    for sent in ("7", '"7" "8"', '"7",', "W/7"):
        answer = await caller.ask("POST", APPROVE, headers={"if-match": sent})
        assert answer.faults.keys() == {"If-Match"}
