"""The operations that change a payment: edit it, decide on it, hold it; all of them heed If-Match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vendorpay.api import bodies, decisions
from vendorpay.api import examples as example
from vendorpay.api.operation import Operation, RateClass, RequestBody
from vendorpay.domain import errors, payment_patch
from vendorpay.domain.payment import Payment
from vendorpay.domain.payment_patch import PaymentPatch
from vendorpay.domain.roles import Permission

_A_PAYMENT: Final = {"id": example.PAYMENT_ID}
_CHANGED: Final = (errors.NotFound, errors.PreconditionFailed, errors.InvalidTransition)
_DECIDED: Final = (*_CHANGED, errors.AlreadyDecided)

_REASON: Final = bodies.struct_body(bodies.ReasonBody)


def _notes(examples: Mapping[str, Any]) -> RequestBody:
    read = bodies.struct_body(bodies.NotesBody)
    empty = bodies.NotesBody()
    return RequestBody(read=read, shape=bodies.NotesBody, examples=examples, when_empty=empty, required=False)


DECISIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="updatePayment",
        method="PATCH",
        path="/payments/{id}",
        permission=Permission.PAYMENT_UPDATE,
        function=decisions.update,
        if_match=True,
        if_match_required=True,
        summary="Change a payment before money is on its way",
        description="Other lines or another amount void what was approved. metadata is merged (RFC 7396).",
        tag="payments",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=bodies.struct_body(PaymentPatch, payment_patch.check),
            shape=PaymentPatch,
            examples={
                "other lines": example.CONTENT_PATCH,
                "metadata": example.METADATA_PATCH,
                "invoice number": example.REFERENCE_PATCH,
            },
        ),
        answer=Payment,
        answer_headers=("ETag",),
        errors=(*_CHANGED, errors.PreconditionRequired, errors.DuplicatePayment),
        path_examples=_A_PAYMENT,
        answer_example=example.UPDATED,
    ),
    Operation(
        name="approvePayment",
        method="POST",
        path="/payments/{id}/approve",
        permission=Permission.PAYMENT_APPROVE,
        function=decisions.approve,
        if_match=True,
        summary="Approve a payment",
        description="It stays pending_approval while more approvals are needed. Its creator cannot approve it.",
        tag="payments",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(bodies.ApproveBody),
            shape=bodies.ApproveBody,
            examples={"with notes": example.APPROVAL, "without": {}},
            when_empty=bodies.ApproveBody(),
            required=False,
        ),
        answer=Payment,
        answer_headers=("ETag",),
        errors=(
            *_DECIDED,
            errors.FourEyes,
            errors.FraudReviewRequired,
            errors.PaymentHeld,
            errors.ScorePending,
            errors.AlreadyApproved,
            errors.PolicyDenied,
            errors.ApprovalLimitExceeded,
            errors.LimitExceeded,
            errors.DigestMismatch,
        ),
        path_examples=_A_PAYMENT,
        answer_example=example.APPROVED,
    ),
    Operation(
        name="rejectPayment",
        method="POST",
        path="/payments/{id}/reject",
        permission=Permission.PAYMENT_APPROVE,
        function=decisions.reject,
        if_match=True,
        summary="Reject a payment",
        description="The job may then be billed again.",
        tag="payments",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(read=_REASON, shape=bodies.ReasonBody, examples={"inflated": example.REJECTION}),
        answer=Payment,
        answer_headers=("ETag",),
        errors=_DECIDED,
        path_examples=_A_PAYMENT,
        answer_example=example.REJECTED,
    ),
    Operation(
        name="cancelPayment",
        method="POST",
        path="/payments/{id}/cancel",
        permission=Permission.PAYMENT_CANCEL,
        function=decisions.cancel,
        if_match=True,
        summary="Cancel a payment",
        description="Possible until it is on its way, and again when it failed.",
        tag="payments",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(read=_REASON, shape=bodies.ReasonBody, examples={"duplicate": example.CANCELLATION}),
        answer=Payment,
        answer_headers=("ETag",),
        errors=_CHANGED,
        path_examples=_A_PAYMENT,
        answer_example=example.CANCELLED,
    ),
    Operation(
        name="holdPayment",
        method="POST",
        path="/payments/{id}/hold",
        permission=Permission.PAYMENT_APPROVE,
        function=decisions.hold,
        if_match=True,
        summary="Hold a payment",
        description="It is neither approved nor paid until it is released. Several people may hold it.",
        tag="payments",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(read=_REASON, shape=bodies.ReasonBody, examples={"a photo is missing": example.HOLD}),
        answer=Payment,
        answer_headers=("ETag",),
        errors=(*_CHANGED, errors.PaymentHeld),
        path_examples=_A_PAYMENT,
        answer_example=example.HELD,
    ),
    Operation(
        name="releasePayment",
        method="POST",
        path="/payments/{id}/release",
        permission=Permission.PAYMENT_APPROVE,
        function=decisions.release,
        if_match=True,
        summary="Release a payment",
        description="Ends every hold that a person placed. With none open, the payment stays as it is.",
        tag="payments",
        rate_class=RateClass.SENSITIVE,
        body=_notes({"with notes": example.RELEASE, "without": {}}),
        answer=Payment,
        answer_headers=("ETag",),
        errors=_CHANGED,
        path_examples=_A_PAYMENT,
        answer_example=example.RELEASED,
    ),
    Operation(
        name="undoApproval",
        method="POST",
        path="/payments/{id}/undo-approval",
        permission=Permission.PAYMENT_APPROVE,
        function=decisions.undo_approval,
        if_match=True,
        summary="Undo an approval",
        description="One's own; of an approved payment, by somebody who gave none, all. It waits for approval again.",
        tag="payments",
        rate_class=RateClass.SENSITIVE,
        body=_notes({"with notes": example.UNDOING, "without": {}}),
        answer=Payment,
        answer_headers=("ETag",),
        errors=_CHANGED,
        path_examples=_A_PAYMENT,
        answer_example=example.PAYMENT,
    ),
)
