"""The operations table agrees with itself, with the contract, and with its own examples."""

from urllib.parse import urlencode

import msgspec
import pytest

from vendorpay.api import query_strings
from vendorpay.api.answers import Reference
from vendorpay.api.openapi import errors_of
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.router import Router
from vendorpay.api.statuses import STATUS
from vendorpay.api.webhook_bodies import EndpointWithSecret
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Permission
from vendorpay.domain.webhooks import WebhookEndpoint
from vendorpay.usecases.list_webhook_endpoints import EndpointView

PROMISED = {
    ("POST", "/payments"): Permission.PAYMENT_CREATE,
    ("GET", "/payments"): Permission.PAYMENT_READ,
    ("GET", "/payments/pending"): Permission.PAYMENT_REVIEW,
    ("GET", "/payments/flagged"): Permission.PAYMENT_REVIEW,
    ("GET", "/fraud/cases"): Permission.PAYMENT_REVIEW,
    ("GET", "/fraud/cases/{id}"): Permission.PAYMENT_REVIEW,
    ("POST", "/fraud/cases/{id}/decide"): Permission.PAYMENT_APPROVE,
    ("POST", "/fraud/cases/{id}/assign"): Permission.PAYMENT_APPROVE,
    ("POST", "/fraud/cases/{id}/notes"): Permission.PAYMENT_APPROVE,
    ("POST", "/fraud/listings"): Permission.FRAUD_ADMIN,
    ("GET", "/fraud/listings"): Permission.FRAUD_ADMIN_READ,
    ("POST", "/fraud/listings/{id}/confirm"): Permission.FRAUD_ADMIN,
    ("POST", "/fraud/listings/{id}/end"): Permission.FRAUD_ADMIN,
    ("POST", "/fraud/rule-sets"): Permission.FRAUD_ADMIN,
    ("GET", "/fraud/rule-sets"): Permission.FRAUD_ADMIN_READ,
    ("POST", "/fraud/rule-sets/{id}/use"): Permission.FRAUD_ADMIN,
    ("POST", "/fraud/rule-sets/{id}/end-shadow"): Permission.FRAUD_ADMIN,
    ("GET", "/payments/{id}"): Permission.PAYMENT_READ,
    ("PATCH", "/payments/{id}"): Permission.PAYMENT_UPDATE,
    ("POST", "/payments/{id}/approve"): Permission.PAYMENT_APPROVE,
    ("POST", "/payments/{id}/reject"): Permission.PAYMENT_APPROVE,
    ("POST", "/payments/{id}/hold"): Permission.PAYMENT_APPROVE,
    ("POST", "/payments/{id}/release"): Permission.PAYMENT_APPROVE,
    ("POST", "/payments/{id}/undo-approval"): Permission.PAYMENT_APPROVE,
    ("POST", "/payments/{id}/cancel"): Permission.PAYMENT_CANCEL,
    ("POST", "/payments/bulk"): Permission.PAYMENT_IMPORT,
    ("POST", "/payments/approvals"): Permission.PAYMENT_APPROVE,
    ("GET", "/payments/{id}/audit-log"): Permission.AUDIT_READ,
    ("GET", "/incidents/{id}/payment"): Permission.PAYMENT_READ,
    ("GET", "/vendors/{id}/payments"): Permission.PAYMENT_READ,
    ("POST", "/events"): Permission.EVENTS_PUBLISH,
    ("GET", "/events"): Permission.EVENTS_READ,
    ("GET", "/events/quarantine"): Permission.EVENTS_ADMIN_READ,
    ("POST", "/events/quarantine/{id}/replay"): Permission.EVENTS_ADMIN,
    ("GET", "/events/dead-letters"): Permission.EVENTS_ADMIN_READ,
    ("POST", "/events/dead-letters/{id}/redrive"): Permission.EVENTS_ADMIN,
    ("POST", "/webhook-endpoints"): Permission.WEBHOOKS_ADMIN,
    ("GET", "/webhook-endpoints"): Permission.WEBHOOKS_ADMIN_READ,
    ("GET", "/webhook-endpoints/{id}"): Permission.WEBHOOKS_ADMIN_READ,
    ("PATCH", "/webhook-endpoints/{id}"): Permission.WEBHOOKS_ADMIN,
    ("DELETE", "/webhook-endpoints/{id}"): Permission.WEBHOOKS_ADMIN,
    ("POST", "/webhook-endpoints/{id}/secrets"): Permission.WEBHOOKS_ADMIN,
    ("POST", "/webhook-endpoints/{id}/replay"): Permission.WEBHOOKS_ADMIN,
    ("GET", "/webhook-endpoints/{id}/deliveries"): Permission.WEBHOOKS_ADMIN_READ,
    ("POST", "/webhook-deliveries/{id}/redeliver"): Permission.WEBHOOKS_ADMIN,
    ("POST", "/policies"): Permission.POLICIES_ADMIN,
    ("GET", "/policies"): Permission.POLICIES_READ,
    ("GET", "/policies/{id}"): Permission.POLICIES_READ,
    ("POST", "/policies/{id}/activate"): Permission.POLICIES_ADMIN,
    ("POST", "/policies/simulate"): Permission.POLICIES_READ,
    ("POST", "/delegations"): Permission.PAYMENT_APPROVE,
    ("GET", "/delegations"): Permission.PAYMENT_REVIEW,
    ("POST", "/delegations/{id}/end"): Permission.PAYMENT_APPROVE,
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/metrics"): None,
    ("GET", "/openapi.json"): None,
    ("GET", "/docs"): None,
}

VERSIONED = (Payment, WebhookEndpoint, EndpointView, EndpointWithSecret)
"""What has a version: a change of it can be refused to whoever has seen another one."""
KEPT = (Reference,)
"""What a browser may keep, and ask about."""

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)


def test_the_table_holds_what_the_contract_promises() -> None:
    """Origin 76: audit trail, vendor and incident lists had no route."""
    assert {(each.method, each.path): each.permission for each in OPERATIONS} == PROMISED


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)


@each_operation
def test_an_operation_names_only_errors_that_have_a_status(operation: Operation) -> None:
    assert set(errors_of(operation)) <= set(STATUS)


@each_operation
def test_an_operation_is_found_at_its_own_path(operation: Operation) -> None:
    path = operation.path.format(**operation.path_examples)
    found, ids = Router(OPERATIONS).find(operation.method, path.encode())
    assert found is operation
    assert ids == dict(operation.path_examples)


@each_operation
def test_an_operations_examples_pass_its_own_parser(operation: Operation) -> None:
    query = urlencode(operation.query_examples).encode()
    value, faults = query_strings.parse(query, operation.query, operation.query_rules)
    assert faults == []
    assert value is not None
    if operation.body is not None:
        assert operation.body.examples
        for example in operation.body.examples.values():
            value, faults = operation.body.read(msgspec.json.encode(example))
            assert faults == []
            assert value is not None


@each_operation
def test_what_answers_with_one_payment_or_endpoint_names_its_version(operation: Operation) -> None:
    """Origin 81: without a version in the answer nobody can say what they saw."""
    assert ("ETag" in operation.answer_headers) == (operation.answer in (*VERSIONED, *KEPT))


@each_operation
def test_what_changes_something_that_exists_heeds_if_match(operation: Operation) -> None:
    """Origin 81: a decision about what has changed since it was seen."""
    changes_one = operation.answer in VERSIONED and operation.method != "GET" and "{id}" in operation.path
    assert operation.if_match == (changes_one or operation.method == "DELETE")
    assert operation.if_match_required == (operation.method == "PATCH")
