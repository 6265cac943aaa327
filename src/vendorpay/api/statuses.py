"""The one table from what can be refused to the HTTP status that says so; a test proves that it is total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vendorpay.api import errors as edge
from vendorpay.domain import errors

STATUS: Final[Mapping[type[errors.VendorPayError], int]] = {
    errors.InvalidRequest: 400,
    errors.MalformedJson: 400,
    errors.InvalidEvent: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.FourEyes: 403,
    errors.LimitExceeded: 403,
    errors.PolicyDenied: 403,
    errors.ApprovalLimitExceeded: 403,
    errors.PoliciesOff: 409,
    errors.PolicyLapsed: 409,
    errors.NotFound: 404,
    edge.NoSuchPath: 404,
    edge.MethodNotAllowed: 405,
    errors.InvalidTransition: 409,
    errors.AlreadyDecided: 409,
    errors.FraudCaseDecided: 409,
    errors.FraudListingOver: 409,
    errors.FraudRuleSetReplaced: 409,
    errors.AlreadyApproved: 409,
    errors.PaymentHeld: 409,
    errors.FraudReviewRequired: 409,
    errors.ScorePending: 409,
    errors.DigestMismatch: 409,
    errors.DuplicatePayment: 409,
    errors.IdempotencyInFlight: 409,
    errors.PreconditionFailed: 412,
    edge.BodyTooLarge: 413,
    edge.AnswerTooLarge: 413,
    edge.UnsupportedMediaType: 415,
    errors.IdempotencyKeyReused: 422,
    errors.PreconditionRequired: 428,
    edge.RateLimited: 429,
    errors.DatabaseUnavailable: 503,
    errors.Overloaded: 503,
    errors.IssuerUnavailable: 503,
    edge.NotReady: 503,
}
