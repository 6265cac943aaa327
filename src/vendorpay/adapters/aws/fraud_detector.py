"""Amazon Fraud Detector as a provider, for those who have it: it is closed to new customers since 2025-11-07.

A model's score is called `<model>_insightscore` and counts 0..1000 (AWS, Fraud Detector user guide, model scores). It
is turned into our share of 1 explicitly, and what is not understood is no score: never a harmless one (origin 17).
What is sent are VARIABLES and nothing else; the event type must declare exactly these, with `vendor` as its entity
(origin 18; docs/fraud.md shows how it is set up).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC
from typing import Any, Final

from vendorpay.adapters.aws.clients import AwsClient, AwsRefused
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment, Finding
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.ports import NoScore

NAME: Final = "frauddetector"
ENTITY: Final = "vendor"
SCORE_SUFFIX: Final = "_insightscore"
SCORE_MAX: Final = 1000
FINDINGS_MAX: Final = 10

VARIABLES: Final = ("amount_cents", "currency", "service_type", "mileage_cents", "duration_min", "photo_count")
"""What an event holds, all of it as text; what a payment does not tell is left out."""


class FraudDetector:
    """One detector with its event type, asked for one payment at a time."""

    name = NAME

    def __init__(self, client: AwsClient, *, detector_id: str, event_type: str) -> None:
        self._client = client
        self._detector_id = detector_id
        self._event_type = event_type

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        """The highest insight score as a share of 1, under the rule set's thresholds. It has no signals to snooze.

        Raises NoScore for a refusal, and for an answer without a score that is understood.
        """
        try:
            answer = await self._client.call(
                "get_event_prediction",
                detectorId=self._detector_id,
                eventId=str(row.payment_id),
                eventTypeName=self._event_type,
                entities=[{"entityType": ENTITY, "entityId": str(row.vendor_id)}],
                eventTimestamp=row.occurred_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                eventVariables=variables(row),
            )
        except AwsRefused as refused:
            raise NoScore(f"Amazon Fraud Detector answered {refused.code}") from refused
        scores = insight_scores(answer)
        highest = max(scores.values())
        score = round(highest / SCORE_MAX, 2)
        findings = [
            Finding(
                code=model[: -len(SCORE_SUFFIX)],
                strength=round(value / SCORE_MAX, 4),
                weight=1.0,
                message=f"Amazon Fraud Detector's {model[: -len(SCORE_SUFFIX)]} gives {value:g} of {SCORE_MAX}.",
            )
            for model, value in sorted(scores.items(), key=lambda found: -found[1])[:FINDINGS_MAX]
        ]
        return Assessment(
            score=score,
            status=rule_set.status(score),
            findings=tuple(findings),
            rule_set_version=rule_set.version,
        )


def variables(row: FraudRow) -> dict[str, str]:
    """The event's variables, as text."""
    found = {name: getattr(row, name) for name in VARIABLES}
    return {name: str(value) for name, value in found.items() if value is not None}


def insight_scores(answer: Mapping[str, Any]) -> dict[str, float]:
    """The insight scores in an answer, by their names. Raises NoScore when there are none, or one is not 0..1000."""
    models = [model.get("scores") or {} for model in answer.get("modelScores") or ()]
    found = {name: value for scores in models for name, value in scores.items() if name.endswith(SCORE_SUFFIX)}
    if not found:
        raise NoScore(f"Amazon Fraud Detector's answer has no score called *{SCORE_SUFFIX}")
    wrong = sorted(name for name, value in found.items() if not 0 <= value <= SCORE_MAX)
    if wrong:
        raise NoScore(f"Amazon Fraud Detector's {wrong[0]} is not between 0 and {SCORE_MAX}")
    return found
