"""The schema's side of a deploy: migrations before the new code (pre), and after the old code is gone (post).

Both are resources of their stacks, so that CloudFormation waits for them and stops when they fail (decision 18).
"""

from __future__ import annotations

import hashlib
from typing import Final

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.function import Layers, Surroundings, add_function
from infra.logs import log_group
from infra.packages import ARCHITECTURE, RUNTIME
from infra.packages_folder import FOLDER
from infra.statements import allow
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole
from vendorpay.store.migrate import shipped

STEP_S_MAX: Final = 900
"""As long as Lambda allows; the migrations function is given less, so that its end is always seen."""
ROW: Final = next(row for row in FUNCTIONS if row.role is DatabaseRole.OWNER)


class Migrations(Stack):
    """The migrations function, what starts it for CloudFormation, and the step before the new code."""

    def __init__(self, scope: Construct, around: Surroundings) -> None:
        name = around.stage.named("migrations")
        super().__init__(scope, name, description=f"{name}: the schema, before the new code")
        self.function = add_function(self, ROW, around, Layers(self, around))
        self._deployer = self._make_deployer(around)
        self.step(self, "pre")

    def step(self, scope: Construct, phase: str) -> CustomResource:
        """A phase as a resource of a stack: it runs when the migrations that are shipped change."""
        return CustomResource(
            scope,
            f"{phase.capitalize()}Migrations",
            resource_type="Custom::Migrations",
            service_token=self._deployer.function_arn,
            service_timeout=Duration.seconds(STEP_S_MAX),
            properties={"phase": phase, "shipped": _digest()},
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _make_deployer(self, around: Surroundings) -> lambda_.Function:
        """Outside of the network: it speaks to Lambda and to CloudFormation, and to nothing else."""
        name = around.stage.named("deploy-step")
        logs = log_group(self, around.stage, "DeployStepLogs", f"/aws/lambda/{name}", around.network.log_key)
        role = iam.Role(
            self,
            "DeployStepRole",
            description=f"{name}: starts the migrations for CloudFormation",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "work": iam.PolicyDocument(
                    statements=[
                        allow(["logs:CreateLogStream", "logs:PutLogEvents"], [logs.log_group_arn]),
                        allow(["lambda:InvokeFunction"], [self.function.function_arn]),
                    ]
                )
            },
        )
        return lambda_.Function(
            self,
            "DeployStep",
            function_name=name,
            description="Runs the migrations of a phase for CloudFormation, and tells it how that went.",
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            handler="deploy_step.handler",
            code=lambda_.Code.from_asset(str(FOLDER / "deploy_step")),
            memory_size=256,
            timeout=Duration.seconds(STEP_S_MAX),
            tracing=lambda_.Tracing.ACTIVE,
            environment={"MIGRATIONS_FUNCTION": self.function.function_name},
            role=role,
            log_group=logs,
        )


class AfterTheCode(Stack):
    """What the old code must not see any more: it runs when the new code answers everywhere."""

    def __init__(self, scope: Construct, around: Surroundings, migrations: Migrations) -> None:
        name = around.stage.named("after")
        super().__init__(scope, name, description=f"{name}: the schema, after the new code")
        migrations.step(self, "post")


def _digest() -> str:
    """Of all migrations that this version ships."""
    return hashlib.sha256("\n".join(f"{each.name} {each.sha256}" for each in shipped()).encode()).hexdigest()
