"""The operations on what is flagged: the queue, one case, and what is done about it."""

from __future__ import annotations

from typing import Final

from vendorpay.api import bodies, fraud
from vendorpay.api import fraud_bodies as shapes
from vendorpay.api import fraud_examples as example
from vendorpay.api.answers import PendingList
from vendorpay.api.operation import Operation, RateClass, RequestBody
from vendorpay.api.queries import PageQuery
from vendorpay.domain import errors
from vendorpay.domain.roles import Permission
from vendorpay.usecases.decide_fraud_case import CaseOfPayment
from vendorpay.usecases.fraud_cases import CaseInFull, CasePage

_A_CASE: Final = {"id": example.CASE_ID}
_CHANGED: Final = (errors.NotFound, errors.FraudCaseDecided)

FRAUD: Final[tuple[Operation, ...]] = (
    Operation(
        name="listFlaggedPayments",
        method="GET",
        path="/payments/flagged",
        permission=Permission.PAYMENT_REVIEW,
        function=fraud.flagged,
        summary="List payments with an open fraud case, oldest first",
        description="Whoever pays them. None can be approved until its case is cleared.",
        tag="fraud",
        rate_class=RateClass.READ,
        query=PageQuery,
        query_examples={"limit": "20"},
        answer=PendingList,
        answer_example=example.FLAGGED,
    ),
    Operation(
        name="listFraudCases",
        method="GET",
        path="/fraud/cases",
        permission=Permission.PAYMENT_REVIEW,
        function=fraud.cases,
        summary="List fraud cases, oldest first",
        description="Open ones and decided ones, each with its payment and how long it has waited.",
        tag="fraud",
        rate_class=RateClass.READ,
        query=shapes.CasesQuery,
        query_examples={"status": "open", "limit": "20"},
        answer=CasePage,
        answer_example=example.CASES,
    ),
    Operation(
        name="getFraudCase",
        method="GET",
        path="/fraud/cases/{id}",
        permission=Permission.PAYMENT_REVIEW,
        function=fraud.get,
        summary="Show a fraud case",
        description="With everything the score found, payments that may be for the same work, and its history.",
        tag="fraud",
        rate_class=RateClass.READ,
        answer=CaseInFull,
        errors=(errors.NotFound,),
        path_examples=_A_CASE,
        answer_example=example.IN_FULL,
    ),
    Operation(
        name="decideFraudCase",
        method="POST",
        path="/fraud/cases/{id}/decide",
        permission=Permission.PAYMENT_APPROVE,
        function=fraud.decide,
        summary="Decide a fraud case",
        description="cleared: the payment goes on. confirmed: it is rejected, or cancelled when it was approved.",
        tag="fraud",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(shapes.DecideCaseBody, shapes.check_decision),
            shape=shapes.DecideCaseBody,
            examples={"in order": example.CLEARING, "fraud": example.CONFIRMING},
        ),
        answer=CaseOfPayment,
        errors=(*_CHANGED, errors.FourEyes),
        path_examples=_A_CASE,
        answer_example=example.CLEARED,
    ),
    Operation(
        name="assignFraudCase",
        method="POST",
        path="/fraud/cases/{id}/assign",
        permission=Permission.PAYMENT_APPROVE,
        function=fraud.assign,
        summary="Give a fraud case to somebody",
        description="Or, with null, to nobody again.",
        tag="fraud",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(shapes.AssignCaseBody),
            shape=shapes.AssignCaseBody,
            examples={"a colleague": example.ASSIGNMENT, "nobody": {"assignee": None}},
        ),
        answer=CaseOfPayment,
        errors=_CHANGED,
        path_examples=_A_CASE,
        answer_example=example.ASSIGNED,
    ),
    Operation(
        name="noteFraudCase",
        method="POST",
        path="/fraud/cases/{id}/notes",
        permission=Permission.PAYMENT_APPROVE,
        function=fraud.note,
        summary="Write something down about a fraud case",
        description="It stands in the payment's audit log, and in the case's history.",
        tag="fraud",
        rate_class=RateClass.SENSITIVE,
        body=RequestBody(
            read=bodies.struct_body(shapes.CaseNotesBody),
            shape=shapes.CaseNotesBody,
            examples={"asked": example.NOTE},
        ),
        answer=CaseOfPayment,
        errors=_CHANGED,
        path_examples=_A_CASE,
        answer_example=example.OPEN,
    ),
)
