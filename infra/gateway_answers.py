"""What the gateway itself refuses, as the same problems that the service answers with (contract 3.3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_apigateway as gateway

from vendorpay.api.errors import BodyTooLarge, RateLimited, UnsupportedMediaType
from vendorpay.api.problems import RETRY_AFTER_S, title_of, type_of
from vendorpay.domain import errors
from vendorpay.domain.errors import VendorPayError

_T: Final = gateway.ResponseType


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One kind of refusal: under which status and code, and whether trying again helps."""

    kind: gateway.ResponseType
    status: int
    error: type[VendorPayError]
    detail: str
    again: bool = False


_TOKEN: Final = "A valid access token is needed: Authorization: Bearer <token>."  # noqa: S105 - no token
_NOTHING: Final = "There is nothing at this path that answers this method."
_LATE: Final = "The service did not answer in time; repeat the request, with the same Idempotency-Key."

REFUSALS: Final = (
    Refusal(kind=_T.UNAUTHORIZED, status=401, error=errors.Unauthenticated, detail=_TOKEN),
    Refusal(kind=_T.EXPIRED_TOKEN, status=401, error=errors.Unauthenticated, detail="The access token has expired."),
    Refusal(kind=_T.INVALID_SIGNATURE, status=401, error=errors.Unauthenticated, detail=_TOKEN),
    Refusal(kind=_T.AUTHORIZER_FAILURE, status=503, error=errors.IssuerUnavailable, detail=_LATE, again=True),
    Refusal(
        kind=_T.AUTHORIZER_CONFIGURATION_ERROR, status=503, error=errors.IssuerUnavailable, detail=_LATE, again=True
    ),
    Refusal(kind=_T.ACCESS_DENIED, status=403, error=errors.Forbidden, detail="The caller may not do this."),
    Refusal(kind=_T.WAF_FILTERED, status=403, error=errors.Forbidden, detail="The request was refused at the door."),
    # The gateway says so of a path or method that it does not know.
    Refusal(kind=_T.MISSING_AUTHENTICATION_TOKEN, status=404, error=errors.NotFound, detail=_NOTHING),
    Refusal(kind=_T.RESOURCE_NOT_FOUND, status=404, error=errors.NotFound, detail=_NOTHING),
    Refusal(kind=_T.BAD_REQUEST_PARAMETERS, status=400, error=errors.InvalidRequest, detail="A parameter is missing."),
    Refusal(
        kind=_T.BAD_REQUEST_BODY,
        status=400,
        error=errors.MalformedJson,
        detail="The body is not JSON, or not of the kind that this operation takes.",
    ),
    Refusal(kind=_T.REQUEST_TOO_LARGE, status=413, error=BodyTooLarge, detail="The body is too large."),
    Refusal(
        kind=_T.UNSUPPORTED_MEDIA_TYPE,
        status=415,
        error=UnsupportedMediaType,
        detail="The body is not announced as JSON.",
    ),
    Refusal(kind=_T.THROTTLED, status=429, error=RateLimited, detail="Too many requests at once.", again=True),
    Refusal(kind=_T.QUOTA_EXCEEDED, status=429, error=RateLimited, detail="Too many requests.", again=True),
    Refusal(kind=_T.INTEGRATION_TIMEOUT, status=503, error=errors.Overloaded, detail=_LATE, again=True),
    Refusal(kind=_T.INTEGRATION_FAILURE, status=503, error=errors.Overloaded, detail=_LATE, again=True),
    # Everything else that breaks on the way: a function that raised, died or ran out of memory.
    Refusal(kind=_T.DEFAULT_5_XX, status=503, error=errors.Overloaded, detail=_LATE, again=True),
)


def add_refusals(api: gateway.RestApi) -> None:
    """Has the gateway say each of its refusals as a problem."""
    for refusal in REFUSALS:
        headers = {"Content-Type": "'application/problem+json'", "X-Request-Id": "context.requestId"}
        if refusal.again:
            headers["Retry-After"] = f"'{RETRY_AFTER_S}'"
        if refusal.status == 401:
            headers["WWW-Authenticate"] = "'Bearer'"
        api.add_gateway_response(
            refusal.kind.response_type.title().replace("_", ""),
            type=refusal.kind,
            status_code=str(refusal.status),
            response_headers=headers,
            templates={"application/json": body(refusal)},
        )


def body(refusal: Refusal) -> str:
    """The problem, with the request's id for the gateway to fill in."""
    code = refusal.error.code
    return json.dumps(
        {
            "type": type_of(code),
            "title": title_of(code),
            "status": refusal.status,
            "detail": refusal.detail,
            "code": code,
            "requestId": "$context.requestId",
        }
    )
