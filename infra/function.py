"""One Lambda function from its row of FUNCTIONS: what it runs, where it lives, what it is told and what it may do."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.archive import Archive
from infra.data import DATABASE_NAME, Data
from infra.identity import Identity
from infra.logs import log_group
from infra.messaging import Messaging
from infra.network import Network
from infra.packages import ARCHITECTURE, RUNTIME, Packages
from infra.reasons import INTERFACES
from infra.rights import statements
from infra.stages import Stage
from vendorpay.entrypoints.aws.functions import API_HANDLER, DatabaseRole, Function, Right


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What functions of a stage are made of and connect to."""

    stage: Stage
    network: Network
    data: Data
    archive: Archive
    messaging: Messaging
    identity: Identity
    packages: Packages


class Layers:
    """The libraries, once in each stack: one that two stacks share could never be replaced while both use it."""

    def __init__(self, scope: Stack, around: Surroundings) -> None:
        self._scope, self._around = scope, around
        self._made: dict[str, lambda_.LayerVersion] = {}

    def of(self, row: Function) -> list[lambda_.LayerVersion]:
        """What a function needs and no more: a hot one starts as fast as its package is small."""
        names = ["core", "outbound"] if Right.REACH_THE_INTERNET in row.rights else ["core"]
        return [self._layer(name) for name in names]

    def _layer(self, name: str) -> lambda_.LayerVersion:
        if name not in self._made:
            folder = self._around.packages.core if name == "core" else self._around.packages.outbound
            self._made[name] = lambda_.LayerVersion(
                self._scope,
                f"{name.capitalize()}Layer",
                layer_version_name=f"{self._scope.stack_name}-{name}",
                code=lambda_.Code.from_asset(str(folder)),
                compatible_architectures=[ARCHITECTURE],
                compatible_runtimes=[RUNTIME],
            )
        return self._made[name]


def add_function(scope: Construct, row: Function, around: Surroundings, layers: Layers) -> lambda_.Function:
    """The function of a row."""
    stage, name = around.stage, around.stage.named(row.name)
    place = Construct(scope, row.name)
    group, subnets = around.network.place_of(row)
    logs = log_group(place, stage, "Logs", f"/aws/lambda/{name}", around.network.log_key)
    return lambda_.Function(
        place,
        "Function",
        function_name=name,
        description=row.does,
        runtime=RUNTIME,
        architecture=ARCHITECTURE,
        handler=row.handler,
        code=lambda_.Code.from_asset(str(around.packages.hot if row.hot else around.packages.code)),
        layers=list(layers.of(row)),
        memory_size=row.memory_mb,
        timeout=Duration.seconds(row.timeout_s),
        reserved_concurrent_executions=stage.reserved(row),
        tracing=lambda_.Tracing.ACTIVE,
        environment=environment(row, around),
        role=_role(place, row, around, logs.log_group_arn),
        log_group=logs,
        vpc=around.network.vpc,
        vpc_subnets=subnets,
        security_groups=[around.network.group(group, place)],
        # What nobody waits for is tried at its next time, not again and again.
        retry_attempts=0 if row.triggers else None,
        max_event_age=Duration.seconds(60) if row.triggers else None,
    )


def environment(row: Function, around: Surroundings) -> dict[str, str]:
    """What a function is told: by the names of AwsSettings, and nothing that it does not need (origin 21)."""
    data, stage = around.data, around.stage
    owner = row.role is DatabaseRole.OWNER
    found = {
        "VENDORPAY_FUNCTION": row.name,
        "VENDORPAY_STAGE": stage.name,
        "VENDORPAY_ORG": stage.org,
        # Only the proxy asks for tokens; to the cluster itself it comes with passwords, and so do migrations.
        "VENDORPAY_DATABASE_AUTH": "secret" if owner else stage.database_auth,
        "AURORA_ENDPOINT": data.cluster.cluster_endpoint.hostname if owner else data.proxy.endpoint,
        "DATABASE_NAME": DATABASE_NAME,
    }
    if owner or stage.database_auth == "secret":
        found["AURORA_SECRET_ARN"] = data.secrets[row.role].secret_arn
    if owner:
        found["AURORA_APP_SECRET_ARN"] = data.secrets[DatabaseRole.APP].secret_arn
        found["AURORA_READONLY_SECRET_ARN"] = data.secrets[DatabaseRole.READONLY].secret_arn
    if not owner and stage.fraud_provider != "embedded":
        found["VENDORPAY_FRAUD_PROVIDER"] = stage.fraud_provider
    if Right.SCORE_PAYMENTS in row.rights and stage.fraud_detector is not None:
        found["VENDORPAY_FRAUD_DETECTOR"] = stage.fraud_detector
    if Right.SCORE_PAYMENTS in row.rights and stage.fraud_thresholds is not None:
        found["VENDORPAY_FRAUD_THRESHOLDS"] = stage.fraud_thresholds
    if row.handler == API_HANDLER:
        found["COGNITO_USER_POOL_ID"] = around.identity.pool.user_pool_id
        found["COGNITO_CLIENT_IDS"] = around.identity.client.user_pool_client_id
        found["VENDORPAY_RATE_LIMITS"] = stage.caller_limits
    if Right.PUBLISH_EVENTS in row.rights:
        found["EVENT_BUS_NAME"] = around.messaging.bus.event_bus_name
    if Right.KEEP_CHECKPOINTS in row.rights:
        found["VENDORPAY_CHECKPOINT_BUCKET"] = around.archive.bucket.bucket_name
    if Right.SEND_NOTICES in row.rights:
        found["VENDORPAY_NOTICE_TOPIC_ARN"] = around.messaging.notices.topic_arn
    return found


def _role(scope: Construct, row: Function, around: Surroundings, log_arn: str) -> iam.Role:
    """A role of its own for each function: nothing is shared, so nothing is given along with something else."""
    name = around.stage.named(row.name)
    own = f"arn:{Aws.PARTITION}:lambda:{Aws.REGION}:{Aws.ACCOUNT_ID}:function:{name}"
    return iam.Role(
        scope,
        "Role",
        description=f"{name}: {row.does}",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        inline_policies={
            "log": _document(
                iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_arn])
            ),
            "network": _document(
                iam.PolicyStatement(actions=list(INTERFACES), resources=["*"]),
                # Lambda itself makes the interfaces; the code that runs in it may not.
                iam.PolicyStatement(
                    effect=iam.Effect.DENY,
                    actions=list(INTERFACES),
                    resources=["*"],
                    conditions={"ArnEquals": {"lambda:SourceFunctionArn": own}},
                ),
            ),
            "work": _document(*statements(row, around.stage, around.data, around.archive, around.messaging)),
        },
    )


def _document(*allowed: iam.PolicyStatement) -> iam.PolicyDocument:
    return iam.PolicyDocument(statements=list(allowed))
