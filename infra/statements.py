"""Statements of policies: exact actions on exact resources, and conditions that say through whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam


def allow(
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    principals: Sequence[iam.IPrincipal] | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> iam.PolicyStatement:
    """A statement that allows these actions on these resources."""
    return iam.PolicyStatement(
        actions=list(actions),
        resources=list(resources),
        principals=None if principals is None else list(principals),
        conditions=conditions,
    )


def decrypt(key_arn: str, service: str) -> iam.PolicyStatement:
    """Reading with a key, for what one AWS service hands out and nothing else."""
    via = {"StringEquals": {"kms:ViaService": f"{service}.{Aws.REGION}.amazonaws.com"}}
    return allow(["kms:Decrypt"], [key_arn], conditions=via)


def encrypt(key_arn: str, service: str) -> iam.PolicyStatement:
    """Writing with a key, through one AWS service."""
    via = {"StringEquals": {"kms:ViaService": f"{service}.{Aws.REGION}.amazonaws.com"}}
    return allow(["kms:GenerateDataKey"], [key_arn], conditions=via)
