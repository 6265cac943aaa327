"""The operations that tell about the service itself."""

from __future__ import annotations

from typing import Final

from vendorpay.api import answers, service_state
from vendorpay.api import examples as example
from vendorpay.api.errors import NoSuchPath, NotReady
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
        name="getMetrics",
        method="GET",
        path="/metrics",
        permission=None,
        function=service_state.measured,
        summary="Tell how the service does, for Prometheus",
        description="The numbers of all processes of this `serve`, and of the database; docs/operations.md explains "
        "each. They name no organisation and no person. The setting VENDORPAY_METRICS=off hides them.",
        tag="service",
        rate_class=RateClass.PUBLIC,
        answer=answers.Metrics,
        answer_type="text/plain",
        errors=(NoSuchPath,),
        answer_example=example.METRICS,
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
    Operation(
        name="getReference",
        method="GET",
        path="/docs",
        permission=None,
        function=service_state.reference,
        summary="Describe this API to people",
        description="The OpenAPI document as one page; it loads nothing, and works without JavaScript.",
        tag="service",
        rate_class=RateClass.PUBLIC,
        answer=answers.Reference,
        answer_type="text/html",
        answer_headers=("ETag",),
        not_modified=True,
    ),
)
