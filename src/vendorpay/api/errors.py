"""What the HTTP edge itself refuses, before any use case is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.rate_limits import RateClass


class NoSuchPath(VendorPayError):
    """There is nothing at this path."""

    code = "not_found"


class MethodNotAllowed(VendorPayError):
    """This path answers {methods} only."""

    code = "method_not_allowed"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(methods=", ".join(allowed))


class BodyTooLarge(VendorPayError):
    """The request body is larger than {bytes_max} bytes."""

    code = "body_too_large"


class AnswerTooLarge(VendorPayError):
    """The answer has more than {bytes_max} bytes: ask for less at once, or, of an HTTP API, for gzip by
    Accept-Encoding. What was to be changed is changed."""

    code = "body_too_large"


class UnsupportedMediaType(VendorPayError):
    """The request body must be JSON in UTF-8, announced by `Content-Type: application/json`: {reason}."""

    code = "unsupported_media_type"


class RateLimited(VendorPayError):
    """You have used up your {rate_class} requests for now; nothing was done, repeat this one in {retry_after_s} s."""

    code = "rate_limited"

    def __init__(self, rate_class: RateClass, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(rate_class=rate_class, retry_after_s=retry_after_s)


class NotReady(VendorPayError):
    """The service takes no work at the moment: {failing}."""

    code = "not_ready"

    def __init__(self, checks: Mapping[str, Any]) -> None:
        self.checks = dict(checks)
        super().__init__(failing=", ".join(f"{name}: {state}" for name, state in self.checks.items()))
