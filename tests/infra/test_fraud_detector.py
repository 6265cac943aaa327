"""Amazon Fraud Detector on AWS: who may ask it and by which road, where a stage has one; and nobody, where none has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.reasons import ACKNOWLEDGED_OF_A_DETECTOR, WILDCARDS_OF_A_DETECTOR, unexplained
from infra.stages import DEV, STAGES
from tests.infra.detecting import DETECTOR, EVENT_TYPE, STAGE
from tests.infra.templates import Templates, plain, statements
from tests.infra.test_least_privilege import allowed
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole, Right

ASK = "frauddetector:GetEventPrediction"
PLACE = "arn:<AWS::Partition>:frauddetector:<AWS::Region>:<AWS::AccountId>"
THE_DETECTOR = {
    f"{PLACE}:detector/{DETECTOR}",
    f"{PLACE}:detector-version/{DETECTOR}/*",
    f"{PLACE}:event-type/{EVENT_TYPE}",
}
SCORING = {"pump", "timers", "review-work"}


@pytest.fixture
def detecting(detecting_assembly: Path) -> Templates:
    """The templates of a stage with a detector."""
    return Templates.read(detecting_assembly).of(STAGE.name)


def variables(own: Templates, function: str) -> dict[str, Any]:
    """What a function is told."""
    found = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{STAGE.name}-{function}")
    told: dict[str, Any] = found.properties["Environment"]["Variables"]
    return told


def test_without_a_detector_nobody_may_ask_one_and_there_is_no_road_to_any(own: Templates, stage: str) -> None:
    assert all(each.fraud_detector is None for each in STAGES)
    for template in own.by_stack.values():
        assert "frauddetector" not in json.dumps(template)
        assert "VENDORPAY_FRAUD_DETECTOR" not in json.dumps(template)


def test_who_scores_may_ask_that_detector_and_nobody_else_may(detecting: Templates) -> None:
    assert {row.name for row in FUNCTIONS if Right.SCORE_PAYMENTS in row.rights} == SCORING
    for row in FUNCTIONS:
        asking = [each for each in allowed(detecting, row, STAGE.name) if ASK in each.actions]
        assert len(asking) == (row.name in SCORING), row.name
        for each in asking:
            assert (set(each.resources), each.actions) == (THE_DETECTOR, (ASK,))


def test_every_function_knows_who_scores_and_only_who_scores_knows_which_detector(detecting: Templates) -> None:
    for row in FUNCTIONS:
        told = variables(detecting, row.name)
        expected = None if row.role is DatabaseRole.OWNER else "frauddetector"
        assert told.get("VENDORPAY_FRAUD_PROVIDER") == expected, row.name
        assert told.get("VENDORPAY_FRAUD_DETECTOR") == (STAGE.fraud_detector if row.name in SCORING else None), row.name


def test_the_road_to_it_is_an_endpoint_in_the_network_for_that_detector_alone(detecting: Templates) -> None:
    """The functions that score by a clock or a wake-up live where no road leads out."""
    (road,) = [
        each
        for each in detecting.resources("AWS::EC2::VPCEndpoint")
        if "frauddetector" in plain(each.properties["ServiceName"])
    ]
    assert road.properties["PrivateDnsEnabled"] is True
    (one,) = statements(road)
    assert (one.effect, one.actions, set(one.resources)) == ("Allow", (ASK,), THE_DETECTOR)
    assert "aws:PrincipalAccount" in one.conditions


def test_each_wildcard_has_a_reason_that_is_needed(detecting: Templates, detecting_assembly: Path) -> None:
    found = [each for resource in detecting.resources() for each in statements(resource) if each.effect == "Allow"]
    assert [each.place for each in found if unexplained(each.place, each.wild)] == []
    wild = [(each.place, action) for each in found for action in each.wild]
    for reason in WILDCARDS_OF_A_DETECTOR:
        assert any(reason.explains(place, action) for place, action in wild), reason
    report = json.loads((detecting_assembly / "validation-report.json").read_text())
    needed = {each["reason"] for plugin in report["pluginReports"] for each in plugin.get("suppressedViolations", [])}
    assert {each.reason for each in ACKNOWLEDGED_OF_A_DETECTOR} <= needed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fraud_provider": "somebody"}, "fraud_provider must be one of embedded, frauddetector, off"),
        ({"fraud_provider": "frauddetector"}, "fraud_detector goes with"),
        ({"fraud_detector": "a/b"}, "fraud_detector goes with"),
        ({"fraud_provider": "frauddetector", "fraud_detector": "Mine"}, "fraud_detector must be the detector"),
        ({"fraud_provider": "frauddetector", "fraud_detector": "a/b/*"}, "fraud_detector must be the detector"),
    ],
)
def test_a_stage_that_says_only_half_of_it_cannot_be_made(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(DEV, **changed)
