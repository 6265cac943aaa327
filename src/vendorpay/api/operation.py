"""What a row of the operations table says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from vendorpay.api.answer import Answer
from vendorpay.api.call import Call
from vendorpay.api.queries import NoQuery
from vendorpay.domain.errors import FieldFault, VendorPayError
from vendorpay.domain.parsing import Rules
from vendorpay.domain.rate_limits import RateClass as RateClass  # for the rows of the table
from vendorpay.domain.roles import Permission

BODY_BYTES_MAX: Final = 256 * 1024
EVENTS_BYTES_MAX: Final = 16 * 1024 * 1024
BULK_BYTES_MAX: Final = EVENTS_BYTES_MAX

Function = Callable[[Call], Awaitable[Answer]]
ReadRaw = Callable[[bytes], tuple[Any, list[FieldFault]]]
"""From a body's bytes to its value, or to every wrong field of it. Raises MalformedJson."""


class RequestBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body an operation takes: how it is read, what the document shows of it, and how large it may be."""

    read: ReadRaw
    shape: Any
    examples: Mapping[str, Any]
    when_empty: Any = None
    required: bool = True
    bytes_max: int = BODY_BYTES_MAX
    read_lines: ReadRaw | None = None
    """How it is read when it comes as NDJSON; None where it cannot."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the API can do. `errors` are those beyond what every operation can answer (`openapi.EVERYWHERE`)."""

    name: str
    method: str
    path: str
    permission: Permission | None
    function: Function
    answer: Any
    summary: str
    description: str
    tag: str
    rate_class: RateClass
    success: int = 200
    query: type[msgspec.Struct] = NoQuery
    query_rules: Rules = lambda _: []
    body: RequestBody | None = None
    errors: tuple[type[VendorPayError], ...] = ()
    answer_headers: tuple[str, ...] = ()
    answer_type: str = "application/json"
    not_modified: bool = False
    if_match: bool = False
    if_match_required: bool = False
    path_examples: Mapping[str, str] = msgspec.field(default_factory=dict)
    query_examples: Mapping[str, str] = msgspec.field(default_factory=dict)
    answer_example: Any = None
