"""The API: a route for each operation, to the one function that answers it."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, CfnOutput, Size, Stack
from aws_cdk import aws_apigateway as gateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import gateway_models as models
from infra.function import Surroundings
from infra.functions import Functions
from infra.gateway_answers import add_refusals
from infra.keys import GATEWAY_ERRORS
from infra.logs import log_group
from infra.stages import SERVICE, Stage
from vendorpay.api import schemas
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS

ROUTES_STAGE: Final = "v1"
BEHIND_A_TOKEN: Final = frozenset({"getMetrics"})
"""Operations without a permission that are not for everybody, where everybody is the internet."""
COMPRESSED_FROM_BYTES: Final = 10 * 1024
"""Answers from this size on, for whoever takes gzip. The functions do not: a REST API would hand base64 on as it is."""
_LOGGED: Final = {
    "requestId": gateway.AccessLogField.context_request_id(),
    "time": gateway.AccessLogField.context_request_time(),
    "method": gateway.AccessLogField.context_http_method(),
    "route": gateway.AccessLogField.context_resource_path(),
    "status": gateway.AccessLogField.context_status(),
    "sub": gateway.AccessLogField.context_authorizer_claims("sub"),
    "address": gateway.AccessLogField.context_identity_source_ip(),
    "latencyMs": gateway.AccessLogField.context_response_latency(),
    "functionMs": gateway.AccessLogField.context_integration_latency(),
    "refusedBy": gateway.AccessLogField.context_error_response_type(),
}


class Account(Stack):
    """What API Gateway has once in an account and region, whatever stages are there: who writes its logs."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, f"{SERVICE}-account", description="API Gateway's log writer, for every stage")
        writer = iam.Role(
            self,
            "GatewayLogWriter",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        gateway.CfnAccount(self, "Gateway", cloud_watch_role_arn=writer.role_arn)


class Gateway(Stack):
    """The REST API of a stage, with nothing in it that the operations table does not say."""

    def __init__(self, scope: Construct, around: Surroundings, functions: Functions) -> None:
        name = around.stage.named("api")
        super().__init__(scope, name, description=f"{name}: REST API, routes, throttles")
        self._stage = around.stage
        self.api = self._api(around)
        self._authorizer = gateway.CognitoUserPoolsAuthorizer(
            self, "People", authorizer_name=around.stage.named("people"), cognito_user_pools=[around.identity.pool]
        )
        self._validators = {
            checked: self.api.add_request_validator(
                "BodyAndParameters" if checked else "Parameters",
                validate_request_body=checked,
                validate_request_parameters=True,
            )
            for checked in (True, False)
        }
        answers = functions.of_operations()
        for operation in OPERATIONS:
            self._route(operation, answers[operation.name])
        add_refusals(self.api)
        CfnOutput(self, "ApiUrl", value=self.api.url)

    def _api(self, around: Surroundings) -> gateway.RestApi:
        logs = log_group(
            self, self._stage, "Accesses", f"/aws/apigateway/{self._stage.named('api')}", around.network.log_key
        )
        api = gateway.RestApi(
            self,
            "Api",
            rest_api_name=self._stage.named("api"),
            description="Completed work becomes an approved, explained vendor payment.",
            endpoint_types=[gateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
            min_compression_size=Size.bytes(COMPRESSED_FROM_BYTES),
            deploy_options=gateway.StageOptions(
                stage_name=ROUTES_STAGE,
                tracing_enabled=True,
                logging_level=gateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                access_log_destination=gateway.LogGroupLogDestination(logs),
                access_log_format=gateway.AccessLogFormat.custom(_as_json(_LOGGED)),
                method_options=throttles(self._stage),
            ),
        )
        # Before the stage, which would make one without an end and a key.
        errors = f"{GATEWAY_ERRORS}{api.rest_api_id}/{ROUTES_STAGE}"
        api.deployment_stage.node.add_dependency(log_group(self, self._stage, "Errors", errors, around.network.log_key))
        return api

    def _route(self, operation: Operation, function: lambda_.Function) -> None:
        known = operation.permission is not None or operation.name in BEHIND_A_TOKEN
        self.api.root.resource_for_path(operation.path).add_method(
            operation.method,
            gateway.LambdaIntegration(function, allow_test_invoke=False),
            operation_name=operation.name,
            authorizer=self._authorizer if known else None,
            authorization_type=gateway.AuthorizationType.COGNITO if known else gateway.AuthorizationType.NONE,
            request_parameters=_parameters(operation),
            request_models={"application/json": self._model(operation)} if models.is_checked(operation) else None,
            request_validator=self._validators[models.is_checked(operation)],
        )

    def _model(self, operation: Operation) -> gateway.IModel:
        outline = models.outline(operation)
        made = gateway.CfnModel(
            self,
            models.name_of(operation),
            rest_api_id=self.api.rest_api_id,
            name=models.name_of(operation),
            content_type="application/json",
            schema=outline,
        )
        return gateway.Model.from_model_name(self, f"{made.name}Named", made.ref)


def throttles(stage: Stage) -> dict[str, gateway.MethodDeploymentOptions]:
    """For each route what its rate class lets through, in a second and from everybody together (origin 64)."""
    return {
        f"{operation.path}/{operation.method}": gateway.MethodDeploymentOptions(
            throttling_rate_limit=stage.throttles[operation.rate_class].rate_per_s,
            throttling_burst_limit=stage.throttles[operation.rate_class].burst,
            # Said again: a route with settings of its own has none of the stage's.
            logging_level=gateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
        )
        for operation in OPERATIONS
    }


def origin(api: gateway.RestApi) -> str:
    """The ARN of the stage, for what is put in front of it."""
    return f"arn:{Aws.PARTITION}:apigateway:{Aws.REGION}::/restapis/{api.rest_api_id}/stages/{ROUTES_STAGE}"


def _parameters(operation: Operation) -> dict[str, bool]:
    """Every parameter, and whether there is none without it. A missing If-Match has a status of its own: 428."""
    path = {f"method.request.path.{name}": True for name in _between_braces(operation.path)}
    return path | {f"method.request.querystring.{name}": False for name in schemas.parameters(operation.query)}


def _between_braces(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _as_json(fields: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in fields.items()) + "}"
