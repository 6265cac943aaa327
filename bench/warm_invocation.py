"""What one more invocation of a function that has started costs, and how much of it is the use case's own."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch
from uuid import uuid4

import msgspec

from tests.aws.aurora import Aurora
from tests.aws.conftest import IDENTITY, ISSUER
from tests.aws.gateway_events import V2, claims, event
from vendorpay.api import examples
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.roles import Caller, Role
from vendorpay.entrypoints.aws.api import Api
from vendorpay.entrypoints.aws.runtime import Environment
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.aws.working import working
from vendorpay.entrypoints.ids import new_id, system_now
from vendorpay.usecases.command import Key
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.deps import Deps

ROUNDS: Final = 9
INVOCATIONS: Final = 60
WARM_UP: Final = 40


@dataclass(frozen=True, kw_only=True)
class Warm:
    """Milliseconds of CPU: of a whole invocation, from event to response, and of the use case alone."""

    whole_ms: float
    use_case_ms: float


@dataclass
class _Invocation:
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def measured(database: Aurora) -> Warm:
    """Creates, in turns with and without the entry point, in this process; medians of the rounds."""
    told = database.environment(VENDORPAY_FUNCTION="create-payment", VENDORPAY_JWT_ISSUER=ISSUER, **IDENTITY)
    with patch.dict(os.environ, told):  # the credentials are read where Lambda puts them
        settings = AwsSettings.read(os.environ)
        environment = Environment(lambda: working(settings))
        try:
            return _measured(environment, Api(environment, settings))
        finally:
            environment.close()


def _measured(environment: Environment, api: Api) -> Warm:
    invocation = _Invocation()

    def whole() -> None:
        response = api.answer(_event(), invocation)
        assert response["statusCode"] == 201, response

    def use_case() -> None:
        environment.run(_create, invocation)

    _timed_ms(whole, WARM_UP)
    _timed_ms(use_case, WARM_UP)
    gc.collect()
    wholes, alone = [], []
    for _ in range(ROUNDS):
        wholes.append(_timed_ms(whole, INVOCATIONS))
        alone.append(_timed_ms(use_case, INVOCATIONS))
    return Warm(whole_ms=statistics.median(wholes), use_case_ms=statistics.median(alone))


def _timed_ms(work: Callable[[], None], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) * 1000 / times


def _event() -> dict[str, Any]:
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", str(uuid4()))]
    body = msgspec.json.encode({**examples.NEW_PAYMENT, "incidentId": str(uuid4())})
    return event(V2, "POST", "/payments", who=claims("admin"), headers=headers, body=body)


async def _create(deps: Deps) -> None:
    new = msgspec.convert({**examples.NEW_PAYMENT, "incidentId": str(uuid4())}, NewPayment)
    await deps.commands.submit(
        CreatePayment(
            command_id=new_id(system_now()),
            caller=Caller(sub=examples.CREATOR, role=Role.ADMIN, org_id="default"),
            key=Key(text=str(uuid4()), fingerprint=bytes(32)),
            new=new,
            required_approvals=1,
        )
    )
