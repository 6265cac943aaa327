"""The functions of the operations on events: those that others publish to us, and the feed of our own."""

from __future__ import annotations

from vendorpay.api import rendering
from vendorpay.api.answer import Answer
from vendorpay.api.answers import EventResults, QuarantineList
from vendorpay.api.call import Call
from vendorpay.api.queries import FeedQuery, PageQuery
from vendorpay.usecases import list_quarantine, read_feed, record_event, replay_quarantined


async def publish(call: Call) -> Answer:
    recorded = await record_event.record(call.deps, call.caller, call.body(list), call.key)
    results = EventResults(results=tuple(recorded.results))
    return rendering.rendered(results, status=202, replayed=recorded.replayed)


async def feed(call: Call) -> Answer:
    query = call.query(FeedQuery)
    found = await read_feed.page(call.deps, call.caller, after=query.after, limit=query.limit, event_type=query.type)
    return rendering.rendered(found)


async def quarantine(call: Call) -> Answer:
    query = call.query(PageQuery)
    found = await list_quarantine.page(call.deps, call.caller, limit=query.limit, cursor=query.cursor)
    return rendering.rendered(QuarantineList(quarantined=tuple(found.quarantined), next_cursor=found.next_cursor))


async def replay(call: Call) -> Answer:
    result, replayed = await replay_quarantined.replay(call.deps, call.caller, call.id, call.key)
    return rendering.rendered(result, replayed=replayed)
