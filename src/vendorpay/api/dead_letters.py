"""The functions of the operations on events that could not be delivered."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.call import Call
from vendorpay.api.queries import PageQuery
from vendorpay.usecases import list_dead_letters, redrive_dead_letter


async def page(call: Call) -> Answer:
    query = call.query(PageQuery)
    found = await list_dead_letters.page(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    return rendering.rendered(found)


async def redrive(call: Call) -> Answer:
    redriven, replayed = await redrive_dead_letter.redrive(call.deps, call.caller, call.id, call.key)
    return rendering.rendered(redriven, status=202, replayed=replayed)
