"""cdk-nag over the app: every rule that is broken on purpose is acknowledged in `reasons`, with why."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.reasons import ACKNOWLEDGED, ACKNOWLEDGED_OF_A_DETECTOR
from infra.stages import Stage


def check(app: cdk.App, stages: Sequence[Stage]) -> None:
    """Has the app checked when it is synthesized, which then fails for a finding that nobody gave a reason for."""
    nodes = [(own_part(node.node.path), node) for node in app.node.find_all()]
    for acknowledged in (*ACKNOWLEDGED, *ACKNOWLEDGED_OF_A_DETECTOR):
        rules = {_in_stage(acknowledged.id, stage) for stage in stages}
        for place, node in nodes:
            if fnmatchcase(place, acknowledged.where):
                reasons = [cdk.Acknowledgment(id=rule, reason=acknowledged.reason) for rule in sorted(rules)]
                cdk.Validations.of(node).acknowledge(*reasons)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def _in_stage(rule: str, stage: Stage) -> str:
    """A finding's name, with what the stage alone knows."""
    detector, _, _event_type = (stage.fraud_detector or "").partition("/")
    return rule.replace("{stage}", stage.name).replace("{detector}", detector)


def own_part(path: str) -> str:
    """A construct's path, without the names of service and stage before it: data/Cluster/Resource."""
    return path.split("-", 2)[-1] if path.count("/") else path
