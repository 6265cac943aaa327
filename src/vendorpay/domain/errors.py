"""Everything that can be refused, one class per fact; the docstring is the message, the attributes are its data.

The HTTP status of each class stands in one table, `vendorpay.api.statuses`; a test proves that the table is total.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

import msgspec


class FieldFault(msgspec.Struct, frozen=True):
    """One wrong field of a request or event: where it is (`lineItems[0].quantity`) and what is wrong with it."""

    field: str
    message: str


class VendorPayError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(str(self))

    def __str__(self) -> str:
        return inspect.cleandoc(type(self).__doc__ or "").format(**self.facts)


# --- the request ---------------------------------------------------------------------------------------------


class InvalidRequest(VendorPayError):
    """The request has {count} wrong field(s): {fields}."""

    code = "invalid_request"

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        self.faults = tuple(faults)
        names = ", ".join(fault.field for fault in self.faults[:5])
        super().__init__(count=len(self.faults), fields=names)


class MalformedJson(VendorPayError):
    """The body is not JSON: {reason}."""

    code = "malformed_json"


class InvalidEvent(VendorPayError):
    """The event is not acceptable: {reason}."""

    code = "invalid_event"

    def __init__(self, reason: str, faults: Iterable[FieldFault] = ()) -> None:
        self.reason = reason
        self.faults = tuple(faults)
        super().__init__(reason=reason)


# --- the caller ----------------------------------------------------------------------------------------------


class Unauthenticated(VendorPayError):
    """No valid access token: {reason}."""

    code = "unauthenticated"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class IssuerUnavailable(VendorPayError):
    """The token issuer's keys cannot be fetched at the moment; try again shortly."""

    code = "issuer_unavailable"


class Forbidden(VendorPayError):
    """{reason}"""

    code = "forbidden"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class NotFound(VendorPayError):
    """There is no {subject} {id} that you may see."""

    code = "not_found"


# --- the payment's state -------------------------------------------------------------------------------------


class InvalidTransition(VendorPayError):
    """A payment that is {status} cannot be changed by: {action}."""

    code = "invalid_transition"


class PreconditionFailed(VendorPayError):
    """What you want to change is not what you saw any more: its version is {version}."""

    code = "precondition_failed"


class PreconditionRequired(VendorPayError):
    """An If-Match is needed: the ETag of what you saw, so that nobody's change is overwritten unseen."""

    code = "precondition_required"


class AlreadyDecided(VendorPayError):
    """The payment is already {status}."""

    code = "already_decided"


class FraudCaseDecided(VendorPayError):
    """The fraud case is decided already."""

    code = "already_decided"


class FraudListingOver(VendorPayError):
    """The listing has ended or expired; list the vendor again."""

    code = "already_decided"


class AlreadyApproved(VendorPayError):
    """You have already approved this content of the payment; another person must give the next approval."""

    code = "already_approved"


class FourEyes(VendorPayError):
    """Whoever created, edited or proposed this cannot also approve it, decide its fraud case, or put it to use."""

    code = "four_eyes"


class PaymentHeld(VendorPayError):
    """The payment has {open_holds} open hold(s); release them first."""

    code = "payment_held"


class FraudReviewRequired(VendorPayError):
    """The payment has an open fraud case, or a hold because of one; it must be cleared first."""

    code = "fraud_review_required"


class ScorePending(VendorPayError):
    """The payment has not been scored for fraud yet; try again in a few seconds."""

    code = "score_pending"


class DigestMismatch(VendorPayError):
    """The payment's content is not what you saw: its digest is {digest}."""

    code = "digest_mismatch"


class DuplicatePayment(VendorPayError):
    """A live payment for this incident, vendor and reference exists: {existing_payment_id}."""

    code = "duplicate_payment"

    def __init__(self, existing_payment_id: UUID) -> None:
        self.existing_payment_id = existing_payment_id
        super().__init__(existing_payment_id=existing_payment_id)


class PoliciesOff(VendorPayError):
    """Here a plain number of approvals is set (VENDORPAY_REQUIRED_APPROVALS), so that no approval policy applies."""

    code = "policies_off"


class PolicyLapsed(VendorPayError):
    """A newer version of the approval policy applies, or did; propose this one again, and let another activate it."""

    code = "policy_lapsed"


class FraudRuleSetReplaced(VendorPayError):
    """This rule set decided before, and another followed; propose its figures anew, and let another activate it."""

    code = "rule_set_replaced"


class PolicyDenied(VendorPayError):
    """The rule "{rule}" of the approval policy allows nobody to approve this payment; change, reject or cancel it."""

    code = "policy_denied"


class ApprovalLimitExceeded(VendorPayError):
    """A limit of the approval policy, for a day or a week of this approver or this vendor, would be exceeded."""

    code = "limit_exceeded"


class LimitExceeded(VendorPayError):
    """There may be at most {most} {things}."""

    code = "limit_exceeded"


# --- the idempotency key -------------------------------------------------------------------------------------


class IdempotencyKeyReused(VendorPayError):
    """This Idempotency-Key was used for another request; use a new key for a new request."""

    code = "idempotency_key_reused"


class IdempotencyInFlight(VendorPayError):
    """A request with this Idempotency-Key is still running; ask again for its answer."""

    code = "idempotency_in_flight"


# --- the service ---------------------------------------------------------------------------------------------


class DatabaseUnavailable(VendorPayError):
    """The database cannot be reached; nothing of this request is known to be done, repeat it."""

    code = "database_unavailable"


class Overloaded(VendorPayError):
    """More work is waiting than can be taken on; nothing was done, repeat the request."""

    code = "overloaded"
