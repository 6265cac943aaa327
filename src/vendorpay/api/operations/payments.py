"""The operations that create and show payments; those that change one are in `decisions`."""

from __future__ import annotations

from typing import Final

from vendorpay.api import answers, bodies, payments, queries
from vendorpay.api import examples as example
from vendorpay.api.operation import Operation, RateClass, RequestBody
from vendorpay.domain import errors, new_payment
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Permission

_A_PAYMENT: Final = {"id": example.PAYMENT_ID}

PAYMENTS: Final[tuple[Operation, ...]] = (
    Operation(
        name="createPayment",
        method="POST",
        path="/payments",
        permission=Permission.PAYMENT_CREATE,
        function=payments.create,
        summary="Create a payment",
        description="It waits for approval. A second live one for the same incident, vendor and reference is refused.",
        tag="payments",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=bodies.struct_body(NewPayment, new_payment.check),
            shape=NewPayment,
            examples={"back office": example.NEW_PAYMENT, "driver": example.NEW_DRIVER_PAYMENT},
        ),
        answer=Payment,
        answer_headers=("ETag",),
        success=201,
        errors=(errors.DuplicatePayment,),
        answer_example=example.PAYMENT,
    ),
    Operation(
        name="listPayments",
        method="GET",
        path="/payments",
        permission=Permission.PAYMENT_READ,
        function=payments.page,
        summary="List payments, newest first",
        description="All filters that are given must fit. createdFrom is included, createdTo is not.",
        tag="payments",
        rate_class=RateClass.READ,
        query=queries.PaymentsQuery,
        query_rules=queries.check_payments,
        query_examples={"status": "pending_approval", "vendorId": example.VENDOR_ID, "limit": "20"},
        answer=answers.PaymentList,
        answer_example=example.PAYMENTS,
    ),
    Operation(
        name="listPendingPayments",
        method="GET",
        path="/payments/pending",
        permission=Permission.PAYMENT_REVIEW,
        function=payments.pending,
        summary="List what waits for approval, oldest first",
        description="Payments of the back office only: a driver authorizes their own. With waitingFor=me: what the "
        "caller could approve now (made and edited by others, without a hold or an open case) and what comes further "
        "by it, also in the name of who delegated to them. Such a page may be short: nextCursor tells whether there is "
        "more.",
        tag="payments",
        rate_class=RateClass.READ,
        query=queries.PendingQuery,
        query_rules=queries.check_pending,
        query_examples={"limit": "50", "offset": "0"},
        answer=answers.PendingList,
        answer_example=example.PENDING,
    ),
    Operation(
        name="getPayment",
        method="GET",
        path="/payments/{id}",
        permission=Permission.PAYMENT_READ,
        function=payments.get,
        summary="Show a payment",
        description="Its ETag is its version.",
        tag="payments",
        rate_class=RateClass.READ,
        answer=Payment,
        answer_headers=("ETag",),
        not_modified=True,
        errors=(errors.NotFound,),
        path_examples=_A_PAYMENT,
        answer_example=example.PAYMENT,
    ),
    Operation(
        name="getPaymentAuditLog",
        method="GET",
        path="/payments/{id}/audit-log",
        permission=Permission.AUDIT_READ,
        function=payments.audit_log,
        summary="Show a payment's history, oldest first",
        description="Each entry's hash covers the one before it; `vendorpay audit verify` checks the chain.",
        tag="payments",
        rate_class=RateClass.READ,
        answer=answers.AuditLog,
        errors=(errors.NotFound,),
        path_examples=_A_PAYMENT,
        answer_example=example.AUDIT_LOG,
    ),
    Operation(
        name="getIncidentPayment",
        method="GET",
        path="/incidents/{id}/payment",
        permission=Permission.PAYMENT_READ,
        function=payments.newest_for_incident,
        summary="Show an incident's payment",
        description="The newest live one; when none is live, the newest.",
        tag="payments",
        rate_class=RateClass.READ,
        answer=Payment,
        answer_headers=("ETag",),
        not_modified=True,
        errors=(errors.NotFound,),
        path_examples={"id": example.INCIDENT_ID},
        answer_example=example.PAYMENT,
    ),
    Operation(
        name="listVendorPayments",
        method="GET",
        path="/vendors/{id}/payments",
        permission=Permission.PAYMENT_READ,
        function=payments.page_of_vendor,
        summary="List a vendor's payments, newest first",
        description="A vendor that is not known has none.",
        tag="payments",
        rate_class=RateClass.READ,
        query=queries.VendorPaymentsQuery,
        query_examples={"status": "completed", "limit": "20"},
        answer=answers.PaymentList,
        path_examples={"id": example.VENDOR_ID},
        answer_example=example.PAYMENTS,
    ),
)
