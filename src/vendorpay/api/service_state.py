"""The functions of the operations that tell about the service itself."""

from __future__ import annotations

import asyncio

from vendorpay import metrics
from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.answers import Live, Ready
from vendorpay.api.call import Call
from vendorpay.api.errors import NoSuchPath, NotReady


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


async def reference(call: Call) -> Answer:
    """Made, and its code imported, when somebody asks for it: no start waits for a page that nobody reads, and no
    other request for its making."""
    from vendorpay.api.reference.page import page

    found = await asyncio.to_thread(page, call.service.document)
    if rendering.has(call, found.etag):
        return Answer(304, b"", found.answer.headers, cache_control=found.answer.cache_control)
    return found.answer


async def measured(call: Call) -> Answer:
    """A database that is away is one of the metrics, and no reason for an error."""
    if call.service.standing is None:
        raise NoSuchPath
    text = metrics.exposition(await call.service.standing.values())
    return Answer(200, text, content_type=metrics.CONTENT_TYPE)
