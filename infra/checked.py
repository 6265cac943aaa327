"""cdk-nag over the app: every rule that is broken on purpose is acknowledged in `reasons`, with why."""

from __future__ import annotations

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import Construct, IConstruct

from infra.reasons import ACKNOWLEDGED


def check(app: cdk.App) -> None:
    """Has the app checked when it is synthesized, which then fails for a finding that nobody gave a reason for."""
    for acknowledged in ACKNOWLEDGED:
        for place in _places(app, acknowledged.where):
            cdk.Validations.of(place).acknowledge(
                cdk.Acknowledgment(id=acknowledged.rule, reason=acknowledged.reason)
            )
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def _places(app: cdk.App, where: str) -> list[IConstruct]:
    """Everything whose path, without the service and stage before it, begins so."""
    return [
        node
        for node in app.node.find_all()
        if isinstance(node, Construct) and _own_part(node.node.path).startswith(where)
    ]


def _own_part(path: str) -> str:
    return path.split("-", 2)[-1]
