"""Every resource that the first description of the service names is there, with the numbers it gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.templates import Templates, plain
from vendorpay.domain.roles import Role
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole, FromQueue, FromTimer

SEED_FUNCTIONS = (
    "create-payment",
    "get-payment",
    "approve-payment",
    "get-pending-approvals",
    "work-completed-handler",
)


def test_the_five_functions_of_the_seed_are_as_it_says(own: Templates, stage: str) -> None:
    for name in SEED_FUNCTIONS:
        function = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{stage}-{name}").properties
        assert (function["Architectures"], function["MemorySize"], function["Timeout"]) == (["arm64"], 1024, 30)
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Runtime"] == "python3.13"


def test_every_row_is_one_function_as_its_row_says(own: Templates, stage: str) -> None:
    for row in FUNCTIONS:
        function = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{stage}-{row.name}").properties
        assert function["Handler"] == row.handler
        assert (function["Timeout"], function["MemorySize"]) == (row.timeout_s, row.memory_mb)
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["VpcConfig"]["SubnetIds"]
        assert function["LoggingConfig"]["LogGroup"]
        if row.reserved is not None:
            assert 1 <= function["ReservedConcurrentExecutions"] <= row.reserved


def test_the_approval_queue_is_as_the_seed_says(own: Templates, stage: str) -> None:
    queue = own.one("AWS::SQS::Queue", QueueName=f"vendorpay-{stage}-payment-approval").properties
    assert (queue["VisibilityTimeout"], queue["ReceiveMessageWaitTimeSeconds"]) == (300, 20)
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    failures = own.one("AWS::SQS::Queue", QueueName=f"vendorpay-{stage}-payment-approval-failures")
    assert failures.properties["MessageRetentionPeriod"] == 14 * 86400
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [failures.logical_id, "Arn"]}


def test_every_queue_is_encrypted_with_our_key_and_refuses_plain_http(own: Templates) -> None:
    queues = own.resources("AWS::SQS::Queue")
    assert queues
    policies = {plain(each.properties["Queues"][0]): each for each in own.resources("AWS::SQS::QueuePolicy")}
    for queue in queues:
        assert "Key" in plain(queue.properties["KmsMasterKeyId"])
        assert "aws:SecureTransport" in str(policies[f"<{queue.logical_id}>"].properties)


def test_the_work_queue_gives_its_function_ten_at_once_and_takes_back_what_failed(own: Templates, stage: str) -> None:
    mapping = mapping_of(own, f"vendorpay-{stage}-work-completed")
    assert mapping["BatchSize"] == 10
    assert "MaximumBatchingWindowInSeconds" not in mapping


def test_wake_ups_are_gathered_so_that_many_are_one_run(own: Templates, stage: str) -> None:
    mapping = mapping_of(own, f"vendorpay-{stage}-payment-approval")
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (100, 1)


def test_every_queue_takes_back_what_failed_and_finds_two_of_its_function(own: Templates) -> None:
    mappings = own.resources("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 2
    for mapping in mappings:
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping.properties["ScalingConfig"]["MaximumConcurrency"] >= 2


def mapping_of(own: Templates, queue: str) -> dict[str, Any]:
    """How a queue is read."""
    name = own.one("AWS::SQS::Queue", QueueName=queue).logical_id
    (found,) = [
        each.properties
        for each in own.resources("AWS::Lambda::EventSourceMapping")
        if f"GetAtt{name}Arn" in plain(each.properties["EventSourceArn"])
    ]
    return found


def test_messages_are_seen_again_only_when_no_function_can_still_work_on_them(own: Templates) -> None:
    """Six times the function's timeout, as AWS asks: else a slow batch is worked on twice at once."""
    longest = max(row.timeout_s for row in FUNCTIONS for each in row.triggers if isinstance(each, FromQueue))
    for queue in own.resources("AWS::SQS::Queue"):
        assert queue.properties["VisibilityTimeout"] >= 6 * longest


def test_work_outlasts_hours_without_a_database_and_needs_nobody_to_send_it_again(own: Templates, stage: str) -> None:
    """Three tries were a quarter of an hour, and then somebody had to come for every event."""
    queue = own.one("AWS::SQS::Queue", QueueName=f"vendorpay-{stage}-work-completed").properties
    patience_s = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert 3 * 3600 <= patience_s < queue["MessageRetentionPeriod"]


def test_aurora_is_serverless_with_a_writer_and_a_reader(own: Templates, stage: str) -> None:
    cluster = own.one("AWS::RDS::DBCluster").properties
    assert (cluster["Engine"], cluster["EngineVersion"].split(".")[0]) == ("aurora-postgresql", "18")
    assert cluster["ServerlessV2ScalingConfiguration"]["MaxCapacity"] >= 4
    assert cluster["BackupRetentionPeriod"] == 35
    assert cluster["DeletionProtection"] is True
    assert (cluster["StorageEncrypted"], cluster["EnableIAMDatabaseAuthentication"]) == (True, True)
    assert "DataKey" in plain(cluster["KmsKeyId"])
    instances = own.resources("AWS::RDS::DBInstance")
    assert [each.properties["DBInstanceClass"] for each in instances] == ["db.serverless"] * 2
    assert all(each.properties["PubliclyAccessible"] is False for each in instances)
    parameters = own.one("AWS::RDS::DBClusterParameterGroup").properties["Parameters"]
    assert parameters["rds.force_ssl"] == "1"


def test_what_holds_payments_outlives_its_stack(own: Templates) -> None:
    for kind in ("AWS::RDS::DBCluster", "AWS::S3::Bucket", "AWS::KMS::Key"):
        found = own.resources(kind)
        assert found
        assert {each.whole["DeletionPolicy"] for each in found} == {"Retain"}
        assert {each.whole["UpdateReplacePolicy"] for each in found} == {"Retain"}


def test_checkpoints_cannot_be_taken_back_for_seven_years(own: Templates, stage: str) -> None:
    (bucket,) = [each for each in own.resources("AWS::S3::Bucket") if "ObjectLockEnabled" in each.properties]
    rule = bucket.properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert rule == {"Days": 2557, "Mode": "COMPLIANCE" if stage == "prod" else "GOVERNANCE"}
    assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "ArchiveKey" in plain(bucket.properties["BucketEncryption"])


def test_no_bucket_can_be_seen_by_the_world(own: Templates) -> None:
    for bucket in own.resources("AWS::S3::Bucket"):
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_bus_has_an_archive_of_everything_of_ours_and_of_the_incidents(own: Templates) -> None:
    bus = own.one("AWS::Events::EventBus")
    archive = own.one("AWS::Events::Archive").properties
    assert bus.logical_id in plain(archive["SourceArn"])
    assert set(archive["EventPattern"]["source"]) == {
        "roadcall.incident",
        "roadcall.incident-service",
        "roadcall.payment-service",
    }


def test_each_role_of_the_service_is_a_group_of_the_pool(own: Templates) -> None:
    groups = [each.properties for each in own.resources("AWS::Cognito::UserPoolGroup")]
    assert [each["GroupName"] for each in sorted(groups, key=lambda each: each["Precedence"])] == list(Role)


def test_nobody_can_write_their_own_role(own: Templates) -> None:
    """A pool's client may write every attribute that nobody takes from it, custom:role included."""
    client = own.one("AWS::Cognito::UserPoolClient").properties
    assert client["WriteAttributes"] == ["name"]
    assert {"custom:role", "custom:org_id", "custom:vendor_id"} <= set(client["ReadAttributes"])
    pool = own.one("AWS::Cognito::UserPool").properties
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "ON"
    assert {each["Name"] for each in pool["Schema"]} == {"role", "org_id", "vendor_id"}


def test_every_timer_of_the_table_rings_as_often_as_it_says(own: Templates, stage: str) -> None:
    for row in FUNCTIONS:
        for trigger in row.triggers:
            if not isinstance(trigger, FromTimer):
                continue
            name = f"vendorpay-{stage}-timer-{trigger.input_name}"
            rule = own.one("AWS::Events::Rule", Name=name).properties
            minutes = trigger.every_s // 60
            wanted = {1: "rate(1 minute)", 60: "rate(1 hour)"}.get(minutes, f"rate({minutes} minutes)")
            assert rule["ScheduleExpression"] == wanted
            assert rule["Targets"][0]["Input"] == f'{{"timer":"{trigger.input_name}"}}'


def test_every_log_ends_and_is_encrypted(own: Templates, stage: str) -> None:
    """Those of what AWS runs for us too: a log group that a service makes for itself stays for ever, and has no key."""
    groups = own.resources("AWS::Logs::LogGroup")
    assert len(groups) > len(FUNCTIONS)
    names = {plain(group.properties["LogGroupName"]) for group in groups}
    by_others = {f"/aws/lambda/vendorpay-{stage}-rotate-{who}" for who in ("owner", "app", "readonly")}
    assert names >= by_others | {f"/aws/rds/proxy/vendorpay-{stage}-proxy"}
    (of_gateway,) = [name for name in names if name.startswith("API-Gateway-Execution-Logs_")]
    assert of_gateway.endswith(f"/{own.one('AWS::ApiGateway::Stage').properties['StageName']}")
    for group in groups:
        assert group.properties["RetentionInDays"] >= 30
        assert group.properties["KmsKeyId"]


def test_every_key_is_renewed(own: Templates) -> None:
    keys = own.resources("AWS::KMS::Key")
    assert len(keys) == 5
    assert all(key.properties["EnableKeyRotation"] for key in keys)


@pytest.mark.parametrize("role", DatabaseRole)
def test_every_password_is_changed_within_ninety_days(own: Templates, role: DatabaseRole) -> None:
    rotations = [each.properties for each in own.resources("AWS::SecretsManager::RotationSchedule")]
    short = role.removeprefix("vendorpay_")
    (rotation,) = [each for each in rotations if each["HostedRotationLambda"]["RotationLambdaName"].endswith(short)]
    days = rotation["RotationRules"].get("AutomaticallyAfterDays")
    assert days is not None or "days" in rotation["RotationRules"]["ScheduleExpression"]
    found = days or int(rotation["RotationRules"]["ScheduleExpression"].split("(")[1].split()[0])
    assert 30 <= found <= 90
    assert rotation["RotateImmediatelyOnUpdate"] is False  # the login may not be there yet
    assert rotation["HostedRotationLambda"]["RotationType"] == "PostgreSQLSingleUser"
