"""Stages stand side by side in one account and region; nothing has two owners."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from infra.deploy_step.deploy_step import MARGIN_S
from infra.keys import GATEWAY_ERRORS
from infra.migrations import ROW, STEP_S_MAX
from infra.stages import DEV, PROD, STAGES, Stage
from tests.infra.templates import Templates, plain
from tests.style.rules.source import ROOT
from vendorpay.entrypoints.aws.functions import FUNCTIONS, FromTimer

NAMES = {
    "AWS::SQS::Queue": "QueueName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::Rule": "Name",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Archive": "ArchiveName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBProxy": "DBProxyName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Cognito::UserPool": "UserPoolName",
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::WAFv2::WebACL": "Name",
}


def names(templates: Templates) -> list[tuple[str, str]]:
    """Every name that somebody chose, with its kind."""
    return [
        (kind, plain(each.properties[name]))
        for kind, name in NAMES.items()
        for each in templates.resources(kind)
        # The one name that is not of our choosing has the API's number in it, which no other API has.
        if name in each.properties and GATEWAY_ERRORS not in plain(each.properties[name])
    ]


def exports(templates: Templates) -> list[str]:
    """Every name that a stack exports, for others to import."""
    return [
        plain(output["Export"]["Name"])
        for template in templates.by_stack.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    ]


def test_no_name_is_taken_twice_in_all_stages(templates: Templates) -> None:
    """origin 10: two stacks made the same queues under the same names, and only one could be deployed."""
    found = names(templates)
    assert len(found) > 100
    assert sorted(name for name in set(found) if found.count(name) > 1) == []


def test_no_export_is_made_twice(templates: Templates) -> None:
    """origin 10: two stacks exported one name."""
    found = exports(templates)
    assert found
    assert sorted(name for name in set(found) if found.count(name) > 1) == []


def test_every_import_is_an_export_of_the_same_stage(own: Templates, stage: str) -> None:
    imported = set(_imports([each.properties for each in own.resources()]))
    assert imported
    assert imported <= set(exports(own))
    assert all(name.startswith(f"vendorpay-{stage}-") for name in imported)


def test_every_chosen_name_says_its_stage(own: Templates, stage: str) -> None:
    assert [name for _kind, name in names(own) if f"vendorpay-{stage}-" not in name] == []


def test_outputs_say_what_a_person_or_program_needs_next(own: Templates) -> None:
    told = [name for template in own.by_stack.values() for name in template.get("Outputs", {}) if "Export" not in name]
    for name in ("ApiUrl", "UserPoolId", "ClientId", "EventBusName", "ApprovalQueueUrl", "CheckpointBucket"):
        assert told.count(name) == 1
    assert {"ClusterEndpoint", "ReaderEndpoint", "ProxyEndpoint", "OwnerSecretArn", "AlarmTopicArn"} <= set(told)


def test_networks_of_stages_do_not_overlap() -> None:
    """They may be joined one day."""
    from ipaddress import ip_network

    for one, other in combinations(STAGES, 2):
        assert not ip_network(one.cidr).overlaps(ip_network(other.cidr))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_reserves_at_least_one_of_each_function_and_two_where_a_queue_feeds_it(stage: Stage) -> None:
    for row in FUNCTIONS:
        if row.reserved is not None:
            found = stage.reserved(row)
            assert found is not None
            assert min(2, row.reserved) <= found <= row.reserved
        assert stage.reserved(replace(row, reserved=None)) is None


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_all_clocks_of_a_function_may_strike_in_the_same_moment(stage: Stage) -> None:
    """What is throttled is dropped within the minute, and each time an alarm rings that asks for nothing."""
    for row in FUNCTIONS:
        clocks = sum(isinstance(trigger, FromTimer) for trigger in row.triggers)
        assert clocks <= (stage.reserved(row) or clocks), row.name


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_document_says_what_concurrency_an_account_needs(stage: Stage) -> None:
    needed = sum(stage.reserved(row) or 0 for row in FUNCTIONS)
    (said,) = re.findall(rf"(\d+) in {stage.name}[,)]", (ROOT / "docs/aws.md").read_text())
    assert needed <= int(said) <= needed + 10


def test_whoever_starts_the_migrations_outlives_them() -> None:
    """And hears how they ended: what ran until the last second would else be reported as silence."""
    assert ROW.timeout_s + 2 * MARGIN_S <= STEP_S_MAX


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rotation_days": 29}, "rotation_days must be from 30 to 90"),
        ({"rotation_days": 91}, "rotation_days must be from 30 to 90"),
        ({"throttles": {}}, "throttles must name every rate class"),
        ({"database_auth": "none"}, "database_auth must be secret or iam"),
        ({"name": "Pre-prod"}, "small letters or digits"),
        ({"caller_limits": "read=fast"}, "caller_limits must be limits like"),
    ],
)
def test_a_stage_that_breaks_a_promise_cannot_be_made(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(DEV, **changed)


def test_every_fault_of_a_stage_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"rotation_days .*; database_auth ") as refused:
        replace(PROD, rotation_days=1, database_auth="x")
    assert "prod" in str(refused.value)


def _imports(value: Any) -> list[str]:
    if isinstance(value, dict):
        if "Fn::ImportValue" in value:
            return [plain(value["Fn::ImportValue"])]
        return [name for each in value.values() for name in _imports(each)]
    if isinstance(value, list):
        return [name for each in value for name in _imports(each)]
    return []
