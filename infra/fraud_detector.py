"""Amazon Fraud Detector, for a stage that names one of its own: who may ask it, and by which road.

It has an interface endpoint (Amazon Fraud Detector user guide, VPC endpoints), so that nobody needs the internet for
it. GetEventPrediction is allowed on a detector, its versions and an event type (Service Authorization Reference); the
version that answers is the one that is active, whose number changes with each that is published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from infra.stages import Stage
from infra.statements import allow

SERVICE: Final = "frauddetector"
ASK: Final = "frauddetector:GetEventPrediction"


def asking(
    stage: Stage,
    *,
    principals: Sequence[iam.IPrincipal] | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> list[iam.PolicyStatement]:
    """What lets somebody have payments scored by the stage's detector; nothing where the stage has none."""
    if stage.fraud_detector is None:
        return []
    detector, event_type = stage.fraud_detector.split("/")
    place = f"arn:{Aws.PARTITION}:{SERVICE}:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    resources = [f"{place}:detector/{detector}", f"{place}:detector-version/{detector}/*"]
    resources.append(f"{place}:event-type/{event_type}")
    return [allow([ASK], resources, principals=principals, conditions=conditions)]
