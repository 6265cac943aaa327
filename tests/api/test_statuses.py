"""Every refusal has a status, and a code that clients were promised."""

import importlib
import pkgutil

import pytest

import vendorpay.api
import vendorpay.domain
import vendorpay.store
import vendorpay.usecases
from vendorpay.api.statuses import STATUS
from vendorpay.domain.errors import VendorPayError

PROMISED = {
    400: {"malformed_json", "invalid_request"},
    401: {"unauthenticated"},
    403: {"forbidden", "four_eyes", "limit_exceeded"},
    404: {"not_found"},
    405: {"method_not_allowed"},
    409: {
        "invalid_transition",
        "already_decided",
        "already_approved",
        "duplicate_payment",
        "digest_mismatch",
        "payment_held",
        "score_pending",
        "fraud_review_required",
        "idempotency_in_flight",
    },
    412: {"precondition_failed"},
    413: {"body_too_large"},
    415: {"unsupported_media_type"},
    422: {"idempotency_key_reused"},
    428: {"precondition_required"},
    429: {"rate_limited"},
    503: {"database_unavailable", "overloaded"},
}
# Ours beyond those: an event's reason is shown in its result, what a policy refuses says so, and a probe or an issuer's
# outage has its own word.
ADDED = {
    (400, "invalid_event"),
    (403, "policy_denied"),
    (409, "policies_off"),
    (409, "policy_lapsed"),
    (409, "rule_set_replaced"),
    (503, "issuer_unavailable"),
    (503, "not_ready"),
}


def every_error() -> set[type[VendorPayError]]:
    for room in (vendorpay.api, vendorpay.domain, vendorpay.store, vendorpay.usecases):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    return _below(VendorPayError)


def _below(kind: type[VendorPayError]) -> set[type[VendorPayError]]:
    return {found for each in kind.__subclasses__() for found in ({each} | _below(each))}


def test_every_error_has_a_status() -> None:
    assert set(STATUS) == every_error()


@pytest.mark.parametrize("error", list(STATUS), ids=[each.__name__ for each in STATUS])
def test_every_error_has_a_code_that_was_promised_for_its_status(error: type[VendorPayError]) -> None:
    assert error.code in PROMISED[STATUS[error]] or (STATUS[error], error.code) in ADDED
