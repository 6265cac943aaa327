"""Encryption keys: one for each kind of thing, so that who reads messages cannot read backups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.stages import Stage
from infra.statements import allow

GATEWAY_ERRORS: Final = "API-Gateway-Execution-Logs_"


def key(scope: Construct, stage: Stage, what: str, *, services: Sequence[str] = ()) -> kms.Key:
    """A key that is renewed every year. `services` of AWS may use it for this account's things alone."""
    made = kms.Key(
        scope,
        f"{what.capitalize()}Key",
        alias=f"alias/{stage.named(what)}",
        description=f"{stage.named(what)}: docs/aws.md, Keys",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    for service in services:
        made.add_to_resource_policy(
            allow(
                ["kms:Decrypt", "kms:GenerateDataKey"],
                ["*"],
                principals=[iam.ServicePrincipal(service)],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
    return made


def log_key(scope: Construct, stage: Stage, prefixes: Sequence[str]) -> kms.Key:
    """The key of log groups whose names begin so: CloudWatch Logs names the group, and no account."""
    made = key(scope, stage, "logs")
    groups = [
        f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{prefix}{stage.named('*')}"
        for prefix in prefixes
    ]
    # The gateway names this one itself, by the API's number.
    groups.append(f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{GATEWAY_ERRORS}*")
    made.add_to_resource_policy(
        allow(
            [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKey",
                "kms:DescribeKey",
            ],
            ["*"],
            principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        )
    )
    return made
