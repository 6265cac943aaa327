"""Who scores payments, in the functions that do, and how long that takes: the others only let new ones wait for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from vendorpay.adapters.aws import emf
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.emf import VALUES_MAX, Measured
from vendorpay.adapters.aws.fraud_detector import FraudDetector
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.entrypoints.aws.metric_names import NAMESPACE, SCORE_SECONDS, STAGE_DIMENSION
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.ports import FraudProvider
from vendorpay.usecases.deps import Deps


@contextmanager
def able_to_score(deps: Deps, settings: AwsSettings) -> Iterator[Deps]:
    """The same, with the provider of the settings. With `off` our own engine scores what waits from before.

    How long its scores took, CloudWatch is told at the end, and as often as a line is full.
    """

    def tell(took_s: tuple[float, ...]) -> None:
        measured = Measured(name=SCORE_SECONDS.name, unit=SCORE_SECONDS.unit.value, value=took_s)
        line = emf.line(NAMESPACE, {STAGE_DIMENSION: settings.stage}, [measured], at=deps.now())
        print(line, file=sys.stderr, flush=True)

    timed = TimedProvider(_provider(settings), tell)
    try:
        yield replace(deps, fraud_provider=timed, fraud_thresholds=settings.fraud_thresholds)
    finally:
        timed.tell_the_rest()


@dataclass
class TimedProvider:
    """A provider as it is, and how long it took each time: told by the hundred, which is what a line holds."""

    provider: FraudProvider
    tell: Callable[[tuple[float, ...]], None]
    _took_s: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The provider's own."""
        return self.provider.name

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        """As the provider does it. What took too long and was broken off took so long all the same."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            return await self.provider.score(row, facts, rule_set, snoozed)
        finally:
            self._took_s.append(round(clock() - began, 6))
            if len(self._took_s) == VALUES_MAX:
                self.tell_the_rest()

    def tell_the_rest(self) -> None:
        """Tells what it has not told; nothing when there is nothing."""
        took_s, self._took_s = tuple(self._took_s), []
        if took_s:
            self.tell(took_s)


def _provider(settings: AwsSettings) -> FraudProvider:
    if settings.fraud_provider != "frauddetector":
        return EmbeddedFraud()
    assert settings.fraud_detector is not None, "the settings insist on it"
    detector_id, event_type = settings.fraud_detector.split("/")
    client = AwsClient("frauddetector", region=settings.region)
    return FraudDetector(client, detector_id=detector_id, event_type=event_type)
