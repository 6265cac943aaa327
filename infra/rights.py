"""What a function may do beyond its own log, from its role and its rights: each right is one function here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from aws_cdk import ArnFormat, Aws, Fn, Stack
from aws_cdk import aws_iam as iam

from infra.archive import Archive
from infra.data import Data
from infra.fraud_detector import asking
from infra.messaging import Messaging
from infra.stages import Stage
from infra.statements import allow, decrypt, encrypt
from vendorpay.domain.feed import SOURCE
from vendorpay.entrypoints.aws.functions import DatabaseRole, Function, Right

_Given = Callable[[Stage, Archive, Messaging], list[iam.PolicyStatement]]


def statements(
    row: Function, stage: Stage, data: Data, archive: Archive, messaging: Messaging
) -> list[iam.PolicyStatement]:
    """Everything that a row's role and rights allow."""
    found = _login(row.role, stage, data)
    for right in sorted(row.rights):
        found += GIVEN[right](stage, archive, messaging)
    return found


def _login(role: DatabaseRole, stage: Stage, data: Data) -> list[iam.PolicyStatement]:
    """Only its own role's password, or token; the owner also sets those of the others."""
    if role is DatabaseRole.OWNER:
        secrets = [secret.secret_arn for secret in data.secrets.values()]
    elif stage.database_auth == "iam":
        return [allow(["rds-db:connect"], [_login_arn(role, data)])]
    else:
        secrets = [data.secrets[role].secret_arn]
    return [
        allow(["secretsmanager:GetSecretValue"], secrets),
        decrypt(data.key.key_arn, "secretsmanager"),
    ]


def _login_arn(role: DatabaseRole, data: Data) -> str:
    # The proxy's id is the last part of its ARN.
    proxy_id = Fn.select(6, Fn.split(":", data.proxy.db_proxy_arn))
    return Stack.of(data).format_arn(
        service="rds-db",
        resource="dbuser",
        resource_name=f"{proxy_id}/{role}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def _publish(_stage: Stage, _archive: Archive, messaging: Messaging) -> list[iam.PolicyStatement]:
    """In our own name only: nobody else's events can be made up."""
    ours = {"StringEquals": {"events:source": SOURCE}}
    return [allow(["events:PutEvents"], [messaging.bus.event_bus_arn], conditions=ours)]


def _keep(_stage: Stage, archive: Archive, _messaging: Messaging) -> list[iam.PolicyStatement]:
    """Put and look; nothing that takes away, and nothing that shortens a lock."""
    return [
        allow(["s3:ListBucket"], [f"arn:{Aws.PARTITION}:s3:::{archive.name}"]),
        allow(["s3:GetObject", "s3:PutObject"], [f"arn:{Aws.PARTITION}:s3:::{archive.name}/*"]),
        decrypt(archive.key.key_arn, "s3"),
        encrypt(archive.key.key_arn, "s3"),
    ]


def _notify(_stage: Stage, _archive: Archive, messaging: Messaging) -> list[iam.PolicyStatement]:
    return [
        allow(["sns:Publish"], [messaging.notices.topic_arn]),
        decrypt(messaging.key.key_arn, "sns"),
        encrypt(messaging.key.key_arn, "sns"),
        allow(
            ["ses:SendEmail"],
            [f"arn:{Aws.PARTITION}:ses:{Aws.REGION}:{Aws.ACCOUNT_ID}:identity/*"],
        ),
    ]


def _score(stage: Stage, _archive: Archive, _messaging: Messaging) -> list[iam.PolicyStatement]:
    """Our own engine needs none."""
    return asking(stage)


def _go_out(_stage: Stage, _archive: Archive, _messaging: Messaging) -> list[iam.PolicyStatement]:
    """The internet is a question of the subnet and its road, not of a policy."""
    return []


GIVEN: Final[Mapping[Right, _Given]] = {
    Right.PUBLISH_EVENTS: _publish,
    Right.KEEP_CHECKPOINTS: _keep,
    Right.SCORE_PAYMENTS: _score,
    Right.SEND_NOTICES: _notify,
    Right.REACH_THE_INTERNET: _go_out,
}
assert GIVEN.keys() == set(Right)
