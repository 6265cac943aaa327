"""Amazon Fraud Detector as a provider, on botocore's Stubber: what faults 17 to 19 of the origin did not do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import msgspec
import pytest
from botocore.stub import Stubber

from vendorpay.adapters.aws import clients
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.fraud_detector import VARIABLES, FraudDetector
from vendorpay.domain.fraud.facts import facts_of
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.domain.fraud.windows import Windows
from vendorpay.entrypoints import wiring
from vendorpay.ports import NoScore
from vendorpay.settings import Settings

pytestmark = pytest.mark.anyio

ROW = FraudRow(
    payment_id=UUID(int=7),
    vendor_id=UUID(int=1),
    incident_id=UUID(int=2),
    occurred_at=datetime(2026, 3, 2, 14, 5, tzinfo=UTC),
    currency="USD",
    amount_cents=12_500,
    service_type="tow",
    mileage_cents=2_500,
)
ASKED: dict[str, Any] = {
    "detectorId": "vendor-payments",
    "eventId": str(ROW.payment_id),
    "eventTypeName": "payment",
    "entities": [{"entityType": "vendor", "entityId": str(ROW.vendor_id)}],
    "eventTimestamp": "2026-03-02T14:05:00Z",
    "eventVariables": {
        "amount_cents": "12500",
        "currency": "USD",
        "service_type": "tow",
        "mileage_cents": "2500",
    },
}


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("frauddetector", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(clients, "_client", lambda *_: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


async def scored(row: FraudRow = ROW) -> Assessment:
    provider = FraudDetector(AwsClient("frauddetector"), detector_id="vendor-payments", event_type="payment")
    return await provider.score(row, facts_of(row, Windows()), DEFAULT, frozenset())


def answer(**scores: float) -> dict[str, Any]:
    return {"modelScores": [{"modelVersion": {"modelId": "m", "modelType": "ONLINE_FRAUD_INSIGHTS",
                                              "modelVersionNumber": "1.0"}, "scores": scores}]}  # fmt: skip


@pytest.mark.parametrize(
    ("insight", "score", "status"),
    [(0, 0.0, "low_risk"), (850, 0.85, "flagged"), (1000, 1.0, "flagged"), (520, 0.52, "high_risk")],
)
async def test_fault_17_the_insight_score_of_1000_becomes_a_share_of_1(
    insight: float, score: float, status: str, stubber: Stubber
) -> None:
    stubber.add_response("get_event_prediction", answer(payments_insightscore=insight), ASKED)
    found = await scored()
    assert (found.score, found.status.value) == (score, status)
    assert found.findings[0].code == "payments"


async def test_the_highest_of_several_models_counts(stubber: Stubber) -> None:
    stubber.add_response("get_event_prediction", answer(one_insightscore=120.0, two_insightscore=910.0), ASKED)
    found = await scored()
    assert found.score == 0.91
    assert [finding.code for finding in found.findings] == ["two", "one"]


@pytest.mark.parametrize(
    "scores", [{}, {"fraud_score": 850.0}, {"fraud": 0.0}, {"payments_insightscore": 1001.0}, {"a_insightscore": -1.0}]
)
async def test_fault_17_an_answer_that_is_not_understood_is_no_score(
    scores: dict[str, float], stubber: Stubber
) -> None:
    """The origin looked for `fraud_score`, found nothing, and called it 0: everything was low_risk."""
    stubber.add_response("get_event_prediction", answer(**scores), ASKED)
    with pytest.raises(NoScore):
        await scored()


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException", "ThrottlingException"])
async def test_fault_18_a_refusal_is_told_and_never_swallowed(code: str, stubber: Stubber) -> None:
    stubber.add_client_error("get_event_prediction", code, expected_params=ASKED)
    with pytest.raises(NoScore, match=code):
        await scored()


async def test_fault_18_what_is_sent_is_what_the_event_type_declares(stubber: Stubber) -> None:
    """Not vendor_id, incident_id or payer_type, which the origin's event type does not have; docs/fraud-cases.md names
    the variables that ours must have. As text: the service takes nothing else.
    """
    known = msgspec.structs.replace(ROW, duration_min=45, photo_count=2)
    variables = {**ASKED["eventVariables"], "duration_min": "45", "photo_count": "2"}
    assert variables.keys() == set(VARIABLES)
    page = (Path(__file__).parents[2] / "docs" / "fraud-cases.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in variables)
    stubber.add_response("get_event_prediction", answer(a_insightscore=1.0), {**ASKED, "eventVariables": variables})
    assert (await scored(known)).score == 0.0


async def test_fault_19_nobody_needs_amazon_fraud_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed to new customers: our own engine is what the service comes with, and it asks nobody."""
    for module in ("boto3", "botocore"):
        monkeypatch.setitem(sys.modules, module, None)
    settings = Settings.read({}, {})
    assert settings.fraud_provider == "embedded"
    provider = wiring.fraud_provider_of(settings.fraud_provider, settings.fraud_detector)
    found = await provider.score(ROW, facts_of(ROW, Windows()), DEFAULT, frozenset())
    assert (provider.name, found.rule_set_version) == ("embedded", DEFAULT.version)
