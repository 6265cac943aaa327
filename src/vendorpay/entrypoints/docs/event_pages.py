"""docs/events/*.json: the JSON Schema of every event, consumed and published."""

from __future__ import annotations

import json

import msgspec

from vendorpay.domain.published import PUBLISHED
from vendorpay.domain.work_completed import WorkCompleted

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """One page per event: WorkCompleted with its envelope, what we publish by its detail."""
    kinds: list[type[msgspec.Struct]] = [WorkCompleted, *PUBLISHED]
    return {f"events/{kind.__name__}.json": _page(kind) for kind in kinds}


def _page(kind: type[msgspec.Struct]) -> str:
    return json.dumps({"$schema": DIALECT, **msgspec.json.schema(kind)}, indent=1, ensure_ascii=False) + "\n"
