"""docs/openapi.json."""

from __future__ import annotations

import json

from vendorpay.api.openapi import encoded
from vendorpay.api.operations import OPERATIONS


def document() -> str:
    """The OpenAPI document as the service serves it, indented for readers of diffs."""
    return json.dumps(json.loads(encoded(OPERATIONS)), indent=1, ensure_ascii=False) + "\n"
