"""The functions of the operations that tell about the service itself."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.answers import Live, Ready
from vendorpay.api.call import Call
from vendorpay.api.errors import NotReady


async def live(call: Call) -> Answer:
    return rendering.rendered(Live())


async def ready(call: Call) -> Answer:
    if call.service.draining:
        raise NotReady({"service": "is shutting down"})
    found = await call.service.readiness()
    if not found.ready:
        raise NotReady(found.checks)
    return rendering.rendered(Ready(status="ready", checks=found.checks))


async def document(call: Call) -> Answer:
    return Answer(200, call.service.document)
