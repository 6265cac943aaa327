"""Everything the HTTP API can do, in one table, a file for each group of it.

The ASGI app, the OpenAPI document, the Lambda entry points, the routes of the gateway and the command line's client
read it. A new endpoint is one use case, one function, and one row in a file of this folder.
"""

from __future__ import annotations

from functools import cache

from vendorpay.api.operation import Operation

OPERATIONS: tuple[Operation, ...]


def __getattr__(name: str) -> tuple[Operation, ...]:
    """OPERATIONS, when somebody asks for it: a function on AWS answers those of one group, and importing all the
    others would be a tenth of its start.
    """
    if name != "OPERATIONS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _operations()


@cache
def _operations() -> tuple[Operation, ...]:
    from vendorpay.api.operations.bulk import BULK
    from vendorpay.api.operations.dead_letters import DEAD_LETTERS
    from vendorpay.api.operations.decisions import DECISIONS
    from vendorpay.api.operations.events import EVENTS
    from vendorpay.api.operations.fraud import FRAUD
    from vendorpay.api.operations.fraud_settings import FRAUD_SETTINGS
    from vendorpay.api.operations.payments import PAYMENTS
    from vendorpay.api.operations.policies import POLICIES
    from vendorpay.api.operations.service import SERVICE
    from vendorpay.api.operations.webhooks import WEBHOOKS

    found = (*PAYMENTS, *DECISIONS, *FRAUD, *FRAUD_SETTINGS, *BULK, *EVENTS, *DEAD_LETTERS, *WEBHOOKS)
    return (*found, *POLICIES, *SERVICE)
