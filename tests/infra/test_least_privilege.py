"""Each function may do what its row says, and nothing else (origin 61: every function could write the bus and use
every key; origin 62: the service connected as the cluster's master)."""

from __future__ import annotations

import pytest

from infra.reasons import WILDCARDS, Wildcard, unexplained
from tests.infra.templates import Resource, Statement, Templates, plain, statements
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole, FromQueue, Function, Right

OF_ALL = {
    *("logs:CreateLogStream", "logs:PutLogEvents"),
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
}
LOGIN = {"secretsmanager:GetSecretValue", "kms:Decrypt"}
OF_RIGHT = {
    Right.PUBLISH_EVENTS: {"events:PutEvents"},
    Right.KEEP_CHECKPOINTS: {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "kms:GenerateDataKey"},
    Right.SCORE_PAYMENTS: set[str](),  # our own engine scores in these stages; test_fraud_detector.py has another
    Right.SEND_NOTICES: {"sns:Publish", "ses:SendEmail", "kms:GenerateDataKey"},
    Right.REACH_THE_INTERNET: set[str](),
}
OF_A_QUEUE = {
    *("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"),
    *("sqs:GetQueueUrl", "sqs:GetQueueAttributes"),
}
SECRET = {DatabaseRole.APP: "AppSecret", DatabaseRole.READONLY: "ReadonlySecret", DatabaseRole.OWNER: "ClusterSecret"}

assert OF_RIGHT.keys() == set(Right)


def allowed(own: Templates, row: Function, stage: str) -> list[Statement]:
    """Everything that a function's role allows, by whatever policy."""
    function = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{stage}-{row.name}")
    role = function.properties["Role"]["Fn::GetAtt"][0]
    attached = [
        each
        for each in own.resources("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        if each.stack == function.stack
        and (each.logical_id == role or {"Ref": role} in each.properties.get("Roles", []))
    ]
    assert not any(each.properties.get("ManagedPolicyArns") for each in attached)
    return [one for each in attached for one in statements(each) if one.effect == "Allow" and one.resources]


def wanted(row: Function) -> set[str]:
    """The actions of its role, triggers and rights."""
    queues = OF_A_QUEUE if any(isinstance(trigger, FromQueue) for trigger in row.triggers) else set()
    return OF_ALL.union(LOGIN, queues, *(OF_RIGHT[right] for right in row.rights))


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_function_may_do_exactly_what_its_row_says(own: Templates, stage: str, row: Function) -> None:
    assert {action for each in allowed(own, row, stage) for action in each.actions} == wanted(row)


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_function_reads_its_own_roles_password_alone(own: Templates, stage: str, row: Function) -> None:
    """origin 62: only the migrations know the owner's."""
    readable = [
        resource
        for each in allowed(own, row, stage)
        if "secretsmanager:GetSecretValue" in each.actions
        for resource in each.resources
    ]
    names = set(SECRET.values()) if row.role is DatabaseRole.OWNER else {SECRET[row.role]}
    assert {name for name in SECRET.values() for resource in readable if name in resource} == names
    assert len(readable) == len(names)


def test_what_only_reads_cannot_publish_or_write_or_decrypt_anything_but_its_password(
    own: Templates, stage: str
) -> None:
    """origin 61."""
    rows = [row for row in FUNCTIONS if row.role is DatabaseRole.READONLY]
    assert {"get-payment", "get-pending-approvals", "reads"} <= {row.name for row in rows}
    for row in rows:
        for each in allowed(own, row, stage):
            assert not {action for action in each.actions if action.startswith(("events:", "sqs:", "sns:", "s3:"))}
            if "kms:Decrypt" in each.actions:
                assert len(each.resources) == 1
                assert "DataKey" in each.resources[0]
                assert "secretsmanager." in each.conditions


def test_events_are_published_in_our_name_alone(own: Templates, stage: str) -> None:
    for row in FUNCTIONS:
        for each in allowed(own, row, stage):
            if "events:PutEvents" in each.actions:
                assert '"events:source": "roadcall.payment-service"' in each.conditions
                assert Right.PUBLISH_EVENTS in row.rights


def test_no_function_can_shorten_a_lock_or_delete_a_checkpoint(own: Templates) -> None:
    actions = {action for each in roles(own) for one in statements(each) for action in one.actions}
    assert not {action for action in actions if "Delete" in action and action.startswith("s3:")}
    assert not {action for action in actions if "Retention" in action or "LegalHold" in action or "Bypass" in action}


def test_the_code_itself_may_not_touch_the_network_that_lambda_made_for_it(own: Templates, stage: str) -> None:
    for row in FUNCTIONS:
        name = f"vendorpay-{stage}-{row.name}"
        denied = [
            one
            for each in roles(own)
            for one in statements(each)
            if one.effect == "Deny" and f"function:{name}" in one.conditions.replace('", "', "")
        ]
        assert len(denied) == 1, row.name
        assert set(denied[0].actions) == {action for action in OF_ALL if action.startswith("ec2:")}


def test_no_two_functions_share_a_role(own: Templates) -> None:
    used = [plain(each.properties["Role"]) + each.stack for each in own.resources("AWS::Lambda::Function")]
    assert len(used) == len(set(used))


def test_no_statement_has_a_wildcard_without_a_reason(own: Templates) -> None:
    """A denial is none: it can only take away."""
    found = [
        (each.place, missing)
        for resource in own.resources()
        for each in statements(resource)
        if each.effect == "Allow" and (missing := unexplained(each.place, each.wild))
    ]
    assert found == []


def test_every_reason_for_a_wildcard_is_still_needed(templates: Templates) -> None:
    used: set[Wildcard] = set()
    for resource in templates.resources():
        for each in statements(resource):
            used |= {reason for reason in WILDCARDS for action in each.wild if reason.explains(each.place, action)}
    assert [reason for reason in WILDCARDS if reason not in used] == []


def test_whoever_may_be_anybody_may_only_be_refused(own: Templates) -> None:
    for resource in own.resources():
        for each in statements(resource):
            if '"*"' in each.principals and each.effect == "Allow":
                assert resource.kind == "AWS::EC2::VPCEndpoint"
                assert "aws:PrincipalAccount" in each.conditions


def test_a_wildcard_without_a_reason_would_be_found() -> None:
    assert unexplained("functions/readsRole1", ["s3:GetObject"]) == ["s3:GetObject"]
    assert unexplained("functions/timersRole1", ["s3:GetObject", "s3:DeleteObject"]) == ["s3:DeleteObject"]
    assert unexplained("functions/readsRole1", ["xray:PutTraceSegments"]) == []


def roles(own: Templates) -> list[Resource]:
    return own.resources("AWS::IAM::Role", "AWS::IAM::Policy")
