"""The operations on events."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from vendorpay.api import answers, bodies, event_array, events, queries
from vendorpay.api import examples as example
from vendorpay.api.operation import EVENTS_BYTES_MAX, Operation, RateClass, RequestBody
from vendorpay.api.schemas import PREFIX
from vendorpay.domain import errors
from vendorpay.domain.roles import Permission
from vendorpay.usecases.read_feed import FeedPage
from vendorpay.usecases.record_event import EventResult

# Anything that is an object gets a result of its own; the document names WorkCompleted, which gets a good one.
_Event = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema={"anyOf": [{"$ref": f"{PREFIX}WorkCompleted"}, {}]})]
_Events = _Event | Annotated[list[_Event], msgspec.Meta(max_length=event_array.EVENTS_MAX)]

EVENTS: Final[tuple[Operation, ...]] = (
    Operation(
        name="publishEvents",
        method="POST",
        path="/events",
        permission=Permission.EVENTS_PUBLISH,
        function=events.publish,
        summary="Publish WorkCompleted events",
        description="One event or an array of them. Each has a result of its own; what is rejected is kept for "
        "replay. An event has at most 1 MiB. Equal ones in one request are written once, and each is answered.",
        tag="events",
        rate_class=RateClass.BULK,
        body=RequestBody(
            read=event_array.split_events,
            shape=_Events,
            examples={"one event": example.WORK_COMPLETED, "several": [example.WORK_COMPLETED]},
            bytes_max=EVENTS_BYTES_MAX,
        ),
        answer=answers.EventResults,
        success=202,
        answer_example=example.EVENT_RESULTS,
    ),
    Operation(
        name="readFeed",
        method="GET",
        path="/events",
        permission=Permission.EVENTS_READ,
        function=events.feed,
        summary="Read what happened, in the order of positions",
        description="Positions are 1, 2, 3.. for each organisation, without a gap. Go on after the page's position; an"
        " empty page is the end so far.",
        tag="events",
        rate_class=RateClass.READ,
        query=queries.FeedQuery,
        query_rules=queries.check_feed,
        query_examples={"after": "0", "limit": "50"},
        answer=FeedPage,
        answer_example=example.FEED,
    ),
    Operation(
        name="listQuarantinedEvents",
        method="GET",
        path="/events/quarantine",
        permission=Permission.EVENTS_ADMIN_READ,
        function=events.quarantine,
        summary="List events that were rejected, oldest first",
        description="The same bytes sent again are one row with a count.",
        tag="events",
        rate_class=RateClass.READ,
        query=queries.PageQuery,
        query_examples={"limit": "20"},
        answer=answers.QuarantineList,
        answer_example=example.QUARANTINE,
    ),
    Operation(
        name="replayQuarantinedEvent",
        method="POST",
        path="/events/quarantine/{id}/replay",
        permission=Permission.EVENTS_ADMIN,
        function=events.replay,
        summary="Take a rejected event once more",
        description="As if it had just been sent; useful after a source was added to the settings.",
        tag="events",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=bodies.struct_body(bodies.NoBody),
            shape=bodies.NoBody,
            examples={"nothing to say": {}},
            when_empty=bodies.NoBody(),
            required=False,
        ),
        answer=EventResult,
        errors=(errors.NotFound,),
        path_examples={"id": example.QUARANTINE_ID},
        answer_example=example.EVENT_RESULTS["results"][0],
    ),
)
