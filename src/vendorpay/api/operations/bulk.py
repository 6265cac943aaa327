"""The operations on many payments at once."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from vendorpay.api import answers, bodies, bulk, bulk_bodies
from vendorpay.api import bulk_examples as example
from vendorpay.api.operation import BULK_BYTES_MAX, Operation, RateClass, RequestBody
from vendorpay.api.schemas import PREFIX
from vendorpay.domain.roles import Permission

# Whatever an element is, it gets a result of its own; the document names NewPayment, which gets a good one.
_Item = Annotated[Any, msgspec.Meta(extra_json_schema={"anyOf": [{"$ref": f"{PREFIX}NewPayment"}, {}]})]
_Items = Annotated[list[_Item], msgspec.Meta(min_length=1, max_length=bulk_bodies.ITEMS_MAX)]

BULK: Final[tuple[Operation, ...]] = (
    Operation(
        name="createPayments",
        method="POST",
        path="/payments/bulk",
        permission=Permission.PAYMENT_IMPORT,
        function=bulk.create,
        summary="Create many payments, each for itself",
        description="A JSON array, or NDJSON (`application/x-ndjson`, `application/jsonl`) with one payment a line; "
        "each is what POST /payments takes. Not atomic: each has the status and the payment or problem that it would "
        "have got there, and a bad one never fails its neighbours. Of two for the same job the first wins. Item n has "
        "the key `<Idempotency-Key>#<n>`: a repeated request gets the answers of what was finished and does the rest; "
        "what was refused is tried again. Of the wrong fields, 1,000 are named in one answer, and then at most 5 for "
        "each item.",
        tag="payments",
        rate_class=RateClass.BULK,
        body=RequestBody(
            read=bulk_bodies.split_array,
            read_lines=bulk_bodies.split_lines,
            shape=_Items,
            examples={"three, the last with a wrong sum": example.CREATE},
            bytes_max=BULK_BYTES_MAX,
        ),
        answer=answers.BulkResults,
        answer_example=example.CREATED,
    ),
    Operation(
        name="approvePayments",
        method="POST",
        path="/payments/approvals",
        permission=Permission.PAYMENT_APPROVE,
        function=bulk.approve,
        summary="Approve many payments, each for itself",
        description="Not atomic: each has the status and the payment or problem that POST /payments/{id}/approve "
        "would have answered. Idempotency-Key works as it does for POST /payments/bulk.",
        tag="payments",
        rate_class=RateClass.BULK,
        body=RequestBody(
            read=bodies.struct_body(bulk_bodies.ApproveManyBody, bulk_bodies.check_approvals),
            shape=bulk_bodies.ApproveManyBody,
            examples={"two, with notes": example.APPROVE},
        ),
        answer=answers.BulkResults,
        answer_example=example.APPROVED,
    ),
)
