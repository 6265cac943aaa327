"""The database holds when many functions come at once, and when a password changes."""

from __future__ import annotations

from typing import Any, Final

import pytest

from infra.stages import STAGES
from tests.infra.templates import Templates, plain
from vendorpay.entrypoints.aws.database import POOL_SIZE
from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole

CONNECTIONS_OF_AN_ENVIRONMENT_MAX: Final = 4
"""What a pool of POOL_SIZE keeps beside it (store/db.py: up to four for a minute)."""
CLIENTS_OF_THE_PROXY_MAX: Final = 20_000
"""RDS Proxy's own limit."""
MEBIBYTES_OF_A_UNIT: Final = 2048


def variables(own: Templates, function: str) -> dict[str, Any]:
    """The environment of a function."""
    found: dict[str, Any] = own.one("AWS::Lambda::Function", FunctionName=function).properties["Environment"][
        "Variables"
    ]
    return found


def test_every_function_but_the_migrations_goes_through_the_proxy(own: Templates, stage: str) -> None:
    """origin 84: ten connections from each instance straight to a small Aurora, and no proxy."""
    for row in FUNCTIONS:
        endpoint = plain(variables(own, f"vendorpay-{stage}-{row.name}")["AURORA_ENDPOINT"])
        if row.role is DatabaseRole.OWNER:
            assert "Cluster" in endpoint
        else:
            assert "ProxyEndpoint" in endpoint or ("Proxy" in endpoint and "Endpoint" in endpoint)


def test_all_functions_at_once_fit_into_the_proxy(own: Templates, stage: str) -> None:
    """origin 84: under a burst the connections ran out. Each environment has one pool, of one connection."""
    assert POOL_SIZE == 1
    functions = own.resources("AWS::Lambda::Function")
    environments = sum(each.properties.get("ReservedConcurrentExecutions", 1) for each in functions)
    assert environments * (POOL_SIZE + CONNECTIONS_OF_AN_ENVIRONMENT_MAX) <= CLIENTS_OF_THE_PROXY_MAX


def test_every_function_has_an_end_to_how_many_of_it_there_are(own: Templates, stage: str) -> None:
    for row in FUNCTIONS:
        function = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{stage}-{row.name}").properties
        assert function["ReservedConcurrentExecutions"] >= 1


def test_the_proxy_leaves_connections_for_migrations_and_for_a_person_in_the_night(own: Templates) -> None:
    target = own.one("AWS::RDS::DBProxyTargetGroup").properties["ConnectionPoolConfigurationInfo"]
    assert target["MaxConnectionsPercent"] <= 90
    assert target["ConnectionBorrowTimeout"] <= 5  # a caller is told to come again before its patience ends


def test_the_proxy_speaks_tls_alone_and_knows_two_logins(own: Templates) -> None:
    proxy = own.one("AWS::RDS::DBProxy").properties
    assert proxy["RequireTLS"] is True
    known = [plain(each["SecretArn"]) for each in proxy["Auth"]]
    assert len(known) == 2
    assert any("AppSecret" in each for each in known)
    assert any("ReadonlySecret" in each for each in known)
    assert {each["ClientPasswordAuthType"] for each in proxy["Auth"]} == {"POSTGRES_SCRAM_SHA_256"}


def test_a_function_asks_for_its_password_by_the_secrets_name_so_that_a_new_one_is_found(
    own: Templates, stage: str
) -> None:
    """origin 83: the pool kept the first password. No function is given one; each is told where the current one is."""
    for row in FUNCTIONS:
        told = variables(own, f"vendorpay-{stage}-{row.name}")
        secret = {
            DatabaseRole.APP: "AppSecret",
            DatabaseRole.READONLY: "ReadonlySecret",
            DatabaseRole.OWNER: "ClusterSecret",
        }[row.role]
        assert secret in plain(told["AURORA_SECRET_ARN"])
        assert not [name for name, value in told.items() if "resolve:secretsmanager" in plain(value)]


def test_the_passwords_are_made_by_secrets_manager_and_are_in_no_template(own: Templates) -> None:
    for secret in own.resources("AWS::SecretsManager::Secret"):
        assert "SecretString" not in secret.properties
        assert secret.properties["GenerateSecretString"]["PasswordLength"] >= 30
        assert "DataKey" in plain(secret.properties["KmsKeyId"])


def test_each_login_changes_its_own_password(own: Templates) -> None:
    """origin 83. One user, and not two in turns: the clone would have none of the role's timeouts."""
    rotations = own.resources("AWS::SecretsManager::RotationSchedule")
    assert len(rotations) == len(DatabaseRole)
    for each in rotations:
        assert each.properties["HostedRotationLambda"]["RotationType"] == "PostgreSQLSingleUser"
        assert "SuperuserSecretArn" not in each.properties["HostedRotationLambda"]


@pytest.mark.parametrize("which", STAGES, ids=lambda stage: stage.name)
def test_somebody_is_told_before_the_connections_run_out(templates: Templates, which: Any) -> None:
    """Aurora allows as many as its memory at the largest size says (LEAST(DBInstanceClassMemory/9531392, 5000))."""
    most = min(5000, which.capacity_max * MEBIBYTES_OF_A_UNIT * 1024 * 1024 // 9_531_392)
    assert 0.5 * most <= which.connections_alarm <= 0.9 * most


def test_only_these_reach_the_cluster_and_only_on_its_port(own: Templates) -> None:
    groups = {each.logical_id: each.properties["GroupName"] for each in own.resources("AWS::EC2::SecurityGroup")}
    by_name = {name.split("-")[-1]: logical_id for logical_id, name in groups.items()}
    found = set()
    for rule in own.resources("AWS::EC2::SecurityGroupIngress"):
        target = rule.properties["GroupId"]["Fn::GetAtt"][0]
        if target == by_name["cluster"]:
            source = rule.properties["SourceSecurityGroupId"]["Fn::GetAtt"][0]
            found.add((groups[source].split("-")[-1], rule.properties["FromPort"], rule.properties["ToPort"]))
    assert found == {("migrations", 5432, 5432), ("rotation", 5432, 5432), ("proxy", 5432, 5432)}


def test_only_what_may_reach_the_internet_has_a_road_to_it(own: Templates, stage: str) -> None:
    roads = [each.properties for each in own.resources("AWS::EC2::Route") if "NatGatewayId" in each.properties]
    out = {plain(each["RouteTableId"]) for each in roads}
    subnets = {
        each.properties["SubnetId"]["Ref"]
        for each in own.resources("AWS::EC2::SubnetRouteTableAssociation")
        if plain(each.properties["RouteTableId"]) in out
    }
    assert subnets
    for row in FUNCTIONS:
        function = own.one("AWS::Lambda::Function", FunctionName=f"vendorpay-{stage}-{row.name}").properties
        placed = {plain(each) for each in function["VpcConfig"]["SubnetIds"]}
        reaches = any(f"Ref{subnet}" in each for subnet in subnets for each in placed)
        assert reaches is ("reach_the_internet" in row.rights), row.name


def test_no_group_lets_everybody_in_and_few_let_out_to_anywhere(own: Templates) -> None:
    open_to = {}
    for group in own.resources("AWS::EC2::SecurityGroup"):
        assert not [
            rule for rule in group.properties.get("SecurityGroupIngress", []) if rule.get("CidrIp") == "0.0.0.0/0"
        ]
        for rule in group.properties.get("SecurityGroupEgress", []):
            if rule.get("CidrIp") == "0.0.0.0/0":
                open_to[group.properties["GroupName"].split("-")[-1]] = (rule["FromPort"], rule["ToPort"])
    assert open_to == {"outbound": (0, 65535), "archive": (443, 443)}


@pytest.mark.parametrize("service", ["secretsmanager", "sqs", "events", "kms", "logs", "rds", "s3"])
def test_aws_is_reached_without_the_internet(own: Templates, service: str) -> None:
    found = [plain(each.properties["ServiceName"]) for each in own.resources("AWS::EC2::VPCEndpoint")]
    assert [name for name in found if name.endswith(f".{service}")]
