"""The operations that tell about the service itself."""

from __future__ import annotations

from typing import Final

from vendorpay.api import answers, service_state
from vendorpay.api.errors import NotReady
from vendorpay.api.operation import Operation, RateClass

SERVICE: Final[tuple[Operation, ...]] = (
    Operation(
        name="getLiveness",
        method="GET",
        path="/health/live",
        permission=None,
        function=service_state.live,
        summary="Tell whether the process runs",
        description="Says nothing about the database: a restart would not bring that back.",
        tag="service",
        rate_class=RateClass.PUBLIC,
        answer=answers.Live,
        answer_example={"status": "live"},
    ),
    Operation(
        name="getReadiness",
        method="GET",
        path="/health/ready",
        permission=None,
        function=service_state.ready,
        summary="Tell whether requests should be sent here",
        description="503 while the database is away, its schema is not the expected one, or the service shuts down.",
        tag="service",
        rate_class=RateClass.PUBLIC,
        answer=answers.Ready,
        errors=(NotReady,),
        answer_example={"status": "ready", "checks": {"database": "ok"}},
    ),
    Operation(
        name="getOpenApiDocument",
        method="GET",
        path="/openapi.json",
        permission=None,
        function=service_state.document,
        summary="Describe this API",
        description="This document, generated from the table that answers the requests.",
        tag="service",
        rate_class=RateClass.PUBLIC,
        answer=answers.Document,
    ),
)
