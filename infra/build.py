"""The whole app: the stacks of each stage, and what depends on what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk

from infra.archive import Archive
from infra.data import Data
from infra.firewall import Firewall
from infra.function import Surroundings
from infra.functions import Functions
from infra.gateway import Account, Gateway
from infra.identity import Identity
from infra.messaging import Messaging
from infra.migrations import AfterTheCode, Migrations
from infra.network import Network
from infra.packages import Packages
from infra.stages import SERVICE, Stage
from infra.watching import Watching

FLAGS: Final = {
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:target-partitions": ["aws"],
    "@aws-cdk/aws-secretsmanager:useAttachedSecretResourcePolicyForSecretTargetAttachments": True,
    "@aws-cdk/aws-s3:createDefaultLoggingPolicy": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/aws-events:eventsTargetQueueSameAccount": True,
    "@aws-cdk/aws-apigateway:disableCloudWatchRole": True,
    "@aws-cdk/aws-rds:databaseProxyUniqueResourceName": True,
    "@aws-cdk/aws-lambda:recognizeLayerVersion": True,
    "@aws-cdk/aws-lambda:recognizeVersionProps": True,
    "@aws-cdk/aws-apigateway:requestValidatorUniqueId": True,
    "@aws-cdk/aws-apigateway:usagePlanKeyOrderInsensitiveId": True,
    "@aws-cdk/aws-cloudwatch-actions:changeLambdaPermissionLogicalIdForLambdaAction": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-kms:reduceCrossAccountRegionPolicyScope": True,
}
WITHOUT_TAGS: Final = ("AWS::RDS::DBProxyTargetGroup",)
"""What the CDK would tag and CloudFormation cannot."""


def build(stages: Sequence[Stage], packages: Packages, folder: str | None = None) -> cdk.App:
    """The app with these stages, to be synthesized into `folder`."""
    app = cdk.App(context=dict(FLAGS), outdir=folder, analytics_reporting=False)
    account = Account(app)
    for stage in stages:
        _add(app, stage, packages, account)
    return app


def surroundings(app: cdk.App, stage: Stage, packages: Packages) -> Surroundings:
    """The stacks of a stage that its functions are made of and connect to."""
    network = Network(app, stage)
    return Surroundings(
        stage=stage,
        network=network,
        data=Data(app, stage, network),
        archive=Archive(app, stage),
        messaging=Messaging(app, stage),
        identity=Identity(app, stage),
        packages=packages,
    )


def _add(app: cdk.App, stage: Stage, packages: Packages, account: Account) -> None:
    """The stacks of a stage. CloudFormation deploys them in the order of what they depend on."""
    around = surroundings(app, stage, packages)
    migrations = Migrations(app, around)
    functions = Functions(app, around)
    functions.add_stack_dependency(migrations, "pre-migrations come before the new code")
    gateway = Gateway(app, around, functions)
    gateway.add_stack_dependency(account, "the gateway's logs need their writer")
    after = AfterTheCode(app, around, migrations)
    after.add_stack_dependency(gateway, "post-migrations come when the new code answers")
    stacks: list[cdk.Stack] = [around.network, around.data, around.archive, around.messaging, around.identity]
    stacks += [migrations, functions, gateway, after, Watching(app, around)]
    if stage.firewall:
        stacks.append(Firewall(app, around, gateway))
    for stack in stacks:
        for key, value in (("service", SERVICE), ("stage", stage.name)):
            cdk.Tags.of(stack).add(key, value, exclude_resource_types=list(WITHOUT_TAGS))
