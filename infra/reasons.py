"""Every rule that is broken on purpose, and every wildcard in a policy: where, and why it has to be so.

Places go without the service's and the stage's name, as patterns of fnmatch: of a rule the construct's path, of a
wildcard the stack and the resource's logical id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

_RULES: Final = "AwsSolutions::AwsSolutions-"
_MANAGED: Final = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
_ANY_RESOURCE: Final = "IAM5[Resource::*]"


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """A rule of cdk-nag that does not hold at `where`."""

    rule: str
    where: str
    reason: str

    @property
    def id(self) -> str:
        """What cdk-nag calls the finding."""
        return f"{_RULES}{self.rule}"


@dataclass(frozen=True, kw_only=True)
class Wildcard:
    """Actions that a statement at `where` may name with a `*` in them or in their resources."""

    where: str
    actions: tuple[str, ...]
    reason: str

    def explains(self, place: str, action: str) -> bool:
        """Whether it is the reason for this action of a statement in this place."""
        return fnmatchcase(place, self.where) and action in self.actions


INTERFACES: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda needs to put a function into a network."""
TRACES: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
_OPEN: Final = "The contract opens these to everybody: how the service is, and its own document (contract 3)."
_ROLES: Final = (
    "Interfaces and traces have no ARN that a policy could name before they exist; the code itself is denied the "
    "interfaces. WILDCARDS lists the very actions."
)

ACKNOWLEDGED: Final[tuple[Acknowledged, ...]] = (
    Acknowledged(
        rule=f"{_MANAGED}AmazonAPIGatewayPushToCloudWatchLogs]",
        where="account/GatewayLogWriter/*",
        reason="The one policy that API Gateway accepts for the writer of its logs.",
    ),
    Acknowledged(
        rule=f"{_MANAGED}AmazonRDSEnhancedMonitoringRole]",
        where="data/Cluster/MonitoringRole/*",
        reason="RDS writes its own measurements with it, into its own log group.",
    ),
    Acknowledged(
        rule="SQS3",
        where="messaging/Undelivered/*",
        reason="It is where the rules' own failures go: cdk-nag looks at queues alone.",
    ),
    Acknowledged(
        rule="COG8",
        where="identity/People/*",
        reason="A stage without customers does without threat protection, which costs by the user.",
    ),
    *(
        Acknowledged(rule=_ANY_RESOURCE, where=where, reason=_ROLES)
        for where in ("functions/*/Role/*", "migrations/migrations/Role/*", "migrations/DeployStepRole/*")
    ),
    Acknowledged(
        rule="IAM5[Resource::arn:<AWS::Partition>:s3:::vendorpay-{stage}-checkpoints-<AWS::AccountId>-<AWS::Region>/*]",
        where="functions/timers/Role/*",
        reason="Checkpoints are numbered without end; the bucket has nothing else, and a lock on each.",
    ),
    *(
        Acknowledged(
            rule="L1",
            where=where,
            reason="The libraries are built and tested for Python 3.13; a newer one is a change of its own.",
        )
        for where in ("functions/*/Function/*", "migrations/migrations/Function/*", "migrations/DeployStep/*")
    ),
    *(
        Acknowledged(rule=rule, where=f"api/Api/Default/{route}/GET/*", reason=_OPEN)
        for rule in ("APIG4", "COG4")
        for route in ("health/live", "health/ready", "openapi.json", "docs")
    ),
    Acknowledged(
        rule="APIG3",
        where="api/Api/DeploymentStage.v1/*",
        reason="The firewall stack puts itself in front, in the stages that have one (Stage.firewall).",
    ),
)

WILDCARDS: Final[tuple[Wildcard, ...]] = (
    Wildcard(
        where="*Role*",
        actions=INTERFACES,
        reason="Lambda's network interfaces have no ARN before they exist; the function's own code is denied them.",
    ),
    Wildcard(where="*Role*", actions=TRACES, reason="X-Ray has no resources to name."),
    Wildcard(
        where="functions/timersRole*",
        actions=("s3:GetObject", "s3:PutObject"),
        reason="Checkpoints are numbered without end; nothing else is in the bucket.",
    ),
    Wildcard(
        where="archive/AccessesPolicy*",
        actions=("s3:PutObject",),
        reason="S3 writes its access log in files that it names itself, under the one prefix.",
    ),
    Wildcard(
        where="*/*Key*",
        actions=("kms:*",),
        reason="The account itself: a key whose policy nobody can change is lost. Roles say who may use it.",
    ),
    Wildcard(
        where="*/*Key*",
        actions=(
            *("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKey*"),
            *("kms:ReEncrypt*", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant"),
        ),
        reason="In a key's own policy * is that key; a condition names the service, the account or the log groups.",
    ),
    Wildcard(
        where="network/*Endpoint*",
        actions=("secretsmanager:*", "sqs:*", "events:*", "kms:*", "logs:*", "rds:*", "sns:*", "s3:*"),
        reason="A road for this account's roles alone; what each may do at its end is in the role.",
    ),
)

# Needed in a stage whose payments Amazon Fraud Detector scores, and only there.
_VERSIONS: Final = "The version that answers is the active one: its number changes with each that is published."
ACKNOWLEDGED_OF_A_DETECTOR: Final = (
    Acknowledged(
        rule=(
            "IAM5[Resource::arn:<AWS::Partition>:frauddetector:<AWS::Region>:<AWS::AccountId>:"
            "detector-version/{detector}/*]"
        ),
        where="functions/*/Role/*",
        reason=_VERSIONS,
    ),
)
WILDCARDS_OF_A_DETECTOR: Final[tuple[Wildcard, ...]] = tuple(
    Wildcard(where=where, actions=("frauddetector:GetEventPrediction",), reason=_VERSIONS)
    for where in ("functions/*Role*", "network/FrauddetectorEndpoint*")
)


def unexplained(
    place: str, actions: Sequence[str], reasons: Sequence[Wildcard] = (*WILDCARDS, *WILDCARDS_OF_A_DETECTOR)
) -> list[str]:
    """The actions of a statement that no reason explains; `place` is its stack and resource, without the stage."""
    return [action for action in actions if not any(reason.explains(place, action) for reason in reasons)]
