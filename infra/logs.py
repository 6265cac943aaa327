"""Log groups: made by us, with a key and an end, so that none appears by itself and stays for ever."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stages import Stage

_RETENTIONS: Final = {
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
}
"""CloudWatch knows these lengths and a few others."""


def retention(stage: Stage) -> logs.RetentionDays:
    """How long a stage keeps its logs. Raises KeyError for a number of days that CloudWatch does not know."""
    return _RETENTIONS[stage.log_days]


def log_group(scope: Construct, stage: Stage, construct_id: str, name: str, key: kms.IKey) -> logs.LogGroup:
    """A log group that is encrypted, and in a stage that keeps things outlives the stack."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        encryption_key=key,
        retention=retention(stage),
        removal_policy=RemovalPolicy.RETAIN if stage.keeps else RemovalPolicy.DESTROY,
    )
