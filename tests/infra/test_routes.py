"""Every operation of the table is one route, to one function, with one permission, one authorizer and one throttle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.gateway import COMPRESSED_FROM_BYTES
from infra.gateway_models import is_checked, name_of, outline
from infra.stages import STAGES
from tests.infra.templates import Resource, Templates, plain
from vendorpay.api.operations import OPERATIONS
from vendorpay.domain.errors import VendorPayError
from vendorpay.entrypoints.aws.functions import FUNCTIONS

OF_FUNCTION = {name: row.name for row in FUNCTIONS for name in row.operations}
OPEN = {"getLiveness", "getReadiness", "getOpenApiDocument", "getReference"}
"""What the contract opens to everybody; the metrics are a setting, and for nobody on the internet."""


def methods(own: Templates) -> dict[str, Resource]:
    found = own.resources("AWS::ApiGateway::Method")
    assert len({each.properties["OperationName"] for each in found}) == len(found)
    return {each.properties["OperationName"]: each for each in found}


def path_of(own: Templates, resource_id: Any) -> str:
    """The path of an API resource, through its parents."""
    if "Fn::GetAtt" in resource_id:
        return ""
    each = {found.logical_id: found for found in own.resources("AWS::ApiGateway::Resource")}[resource_id["Ref"]]
    return f"{path_of(own, each.properties['ParentId'])}/{each.properties['PathPart']}"


def function_of(own: Templates, reference: Any) -> str:
    """The name of the function behind an export of the functions' stack."""
    text = plain(reference)
    names = {
        f"FnGetAtt{each.logical_id}Arn": each.properties["FunctionName"]
        for each in own.resources("AWS::Lambda::Function")
    }
    (name,) = [name for export, name in names.items() if export in text]
    return str(name)


def test_the_routes_are_the_operations_and_nothing_else(own: Templates) -> None:
    routes = {
        (name, each.properties["HttpMethod"], path_of(own, each.properties["ResourceId"]))
        for name, each in methods(own).items()
    }
    assert routes == {(each.name, each.method, each.path) for each in OPERATIONS}


def test_every_route_leads_to_the_one_function_of_its_row(own: Templates, stage: str) -> None:
    for name, method in methods(own).items():
        integration = method.properties["Integration"]
        assert integration["Type"] == "AWS_PROXY"
        assert function_of(own, integration["Uri"]) == f"vendorpay-{stage}-{OF_FUNCTION[name]}"


def test_every_route_has_one_permission_for_itself_alone(own: Templates, stage: str) -> None:
    found: dict[tuple[str, str], str] = {}
    for each in own.resources("AWS::Lambda::Permission"):
        if each.properties["Principal"] != "apigateway.amazonaws.com":
            continue
        source = plain(each.properties["SourceArn"])
        _api, _stage, method, path = source.split(":")[-1].split("/", 3)
        assert (method, path) not in found
        assert "*" not in method + _stage
        found[method, path] = function_of(own, each.properties["FunctionName"])
    assert found == {
        (each.method, "/".join("*" if part.startswith("{") else part for part in each.path[1:].split("/"))): (
            f"vendorpay-{stage}-{OF_FUNCTION[each.name]}"
        )
        for each in OPERATIONS
    }


def test_only_what_the_contract_opens_is_open(own: Templates) -> None:
    unguarded = {name for name, each in methods(own).items() if each.properties["AuthorizationType"] == "NONE"}
    assert unguarded == OPEN
    assert {each.name for each in OPERATIONS if each.permission is None} == OPEN | {"getMetrics"}
    for name in methods(own).keys() - OPEN:
        assert methods(own)[name].properties["AuthorizationType"] == "COGNITO_USER_POOLS"


@pytest.mark.parametrize("which", STAGES, ids=lambda stage: stage.name)
def test_every_route_lets_through_what_its_rate_class_does(templates: Templates, which: Any) -> None:
    """origin 64: a limit for ten minutes was given where one for a second belongs. These are for a second."""
    stage = templates.of(which.name).one("AWS::ApiGateway::Stage").properties
    settings = {(each["HttpMethod"], each["ResourcePath"].replace("~1", "/")): each for each in stage["MethodSettings"]}
    for each in OPERATIONS:
        found = settings[each.method, f"/{each.path}"]
        throttle = which.throttles[each.rate_class]
        assert (found["ThrottlingRateLimit"], found["ThrottlingBurstLimit"]) == (throttle.rate_per_s, throttle.burst)
        assert (found["LoggingLevel"], found["DataTraceEnabled"]) == ("ERROR", False)
    assert len(settings) == len(OPERATIONS) + 1


def test_the_gateway_turns_away_what_is_no_body_of_that_kind_at_all(own: Templates) -> None:
    models = {each.logical_id: each.properties for each in own.resources("AWS::ApiGateway::Model")}
    validators = {each.logical_id: each.properties for each in own.resources("AWS::ApiGateway::RequestValidator")}
    for operation in OPERATIONS:
        method = methods(own)[operation.name].properties
        validator = validators[method["RequestValidatorId"]["Ref"]]
        assert validator["ValidateRequestParameters"] is True
        assert validator["ValidateRequestBody"] is is_checked(operation)
        if is_checked(operation):
            model = models[method["RequestModels"]["application/json"]["Ref"]]
            assert (model["Name"], model["Schema"]) == (name_of(operation), outline(operation))


def test_the_gateway_refuses_no_example_of_the_document() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for operation in OPERATIONS:
        if not is_checked(operation):
            continue
        assert operation.body is not None
        check = jsonschema.Draft4Validator(outline(operation))
        for example in operation.body.examples.values():
            assert check.is_valid(example), operation.name
        assert not check.is_valid("text")
        assert not check.is_valid(17)


def test_parameters_are_those_of_the_document_and_those_in_the_path_are_needed(own: Templates) -> None:
    for operation in OPERATIONS:
        given = methods(own)[operation.name].properties.get("RequestParameters", {})
        assert given.get("method.request.path.id", False) is ("{id}" in operation.path)
        assert not any(needed for name, needed in given.items() if "querystring" in name)
        assert sum("querystring" in name for name in given) == len(operation.query.__struct_fields__)


def test_what_the_gateway_refuses_is_said_as_the_service_says_it(own: Templates) -> None:
    """A program goes by `code`: what refuses must not matter to it (contract 3.3)."""
    codes = {each.code for each in _all_errors(VendorPayError)}
    answers = {
        each.properties["ResponseType"]: each.properties for each in own.resources("AWS::ApiGateway::GatewayResponse")
    }
    for kind in (
        "UNAUTHORIZED",
        "THROTTLED",
        "REQUEST_TOO_LARGE",
        "BAD_REQUEST_BODY",
        "INTEGRATION_TIMEOUT",
        "DEFAULT_5XX",
    ):
        assert kind in answers
    for answer in answers.values():
        problem = json.loads(answer["ResponseTemplates"]["application/json"])
        assert problem["code"] in codes
        assert problem["status"] == int(answer["StatusCode"])
        assert {"type", "title", "detail", "requestId"} <= problem.keys()
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        if problem["status"] in {429, 503}:
            assert "gatewayresponse.header.Retry-After" in headers
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["StatusCode"] == "404"  # so the gateway calls an unknown path


def test_the_gateway_compresses_answers_and_the_functions_need_not(own: Templates) -> None:
    """A REST API hands base64 on as it is, unless its media type is declared binary; then it would validate no body."""
    api = own.one("AWS::ApiGateway::RestApi").properties
    assert api["MinimumCompressionSize"] == COMPRESSED_FROM_BYTES
    assert "BinaryMediaTypes" not in api


def test_every_request_leaves_a_line_in_the_access_log_without_its_token(own: Templates) -> None:
    settings = own.one("AWS::ApiGateway::Stage").properties
    line = json.loads(settings["AccessLogSetting"]["Format"])
    assert {"requestId", "status", "route", "sub", "latencyMs"} <= line.keys()
    assert "authorization" not in settings["AccessLogSetting"]["Format"].lower()
    assert settings["TracingEnabled"] is True


def _all_errors(kind: type[VendorPayError]) -> set[type[VendorPayError]]:
    return {kind}.union(*(_all_errors(each) for each in kind.__subclasses__()))
