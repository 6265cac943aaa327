"""Who scores payments, in the functions that do: the others only let new ones wait for it."""

from __future__ import annotations

from dataclasses import replace

from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.fraud_detector import FraudDetector
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.ports import FraudProvider
from vendorpay.usecases.deps import Deps


def able_to_score(deps: Deps, settings: AwsSettings) -> Deps:
    """The same, with the provider of the settings. With `off` our own engine scores what waits from before."""
    return replace(deps, fraud_provider=_provider(settings))


def _provider(settings: AwsSettings) -> FraudProvider:
    if settings.fraud_provider != "frauddetector":
        return EmbeddedFraud()
    assert settings.fraud_detector is not None, "the settings insist on it"
    detector_id, event_type = settings.fraud_detector.split("/")
    client = AwsClient("frauddetector", region=settings.region)
    return FraudDetector(client, detector_id=detector_id, event_type=event_type)
