"""The operations on events that could not be delivered."""

from __future__ import annotations

from typing import Final

from vendorpay.api import bodies, dead_letters, queries
from vendorpay.api import dead_letter_examples as example
from vendorpay.api.operation import Operation, RateClass, RequestBody
from vendorpay.domain import errors
from vendorpay.domain.roles import Permission
from vendorpay.usecases.list_dead_letters import DeadLetterPage
from vendorpay.usecases.redrive_dead_letter import Redriven

DEAD_LETTERS: Final[tuple[Operation, ...]] = (
    Operation(
        name="listDeadLetters",
        method="GET",
        path="/events/dead-letters",
        permission=Permission.EVENTS_ADMIN_READ,
        function=dead_letters.page,
        summary="List events that could not be delivered, oldest first",
        description="Each names the subscription that did not get it; the event is in the feed, at its position.",
        tag="events",
        rate_class=RateClass.READ,
        query=queries.PageQuery,
        query_examples={"limit": "20"},
        answer=DeadLetterPage,
        answer_example=example.DEAD_LETTERS,
    ),
    Operation(
        name="redriveDeadLetter",
        method="POST",
        path="/events/dead-letters/{id}/redrive",
        permission=Permission.EVENTS_ADMIN,
        function=dead_letters.redrive,
        summary="Deliver a dead letter after all",
        description="At once, and with all its tries again. Later events of its payment may have arrived before it.",
        tag="events",
        rate_class=RateClass.WRITE,
        body=RequestBody(
            read=bodies.struct_body(bodies.NoBody),
            shape=bodies.NoBody,
            examples={"nothing to say": {}},
            when_empty=bodies.NoBody(),
            required=False,
        ),
        answer=Redriven,
        success=202,
        errors=(errors.NotFound,),
        path_examples={"id": example.DELIVERY_ID},
        answer_example=example.REDRIVEN,
    ),
)
