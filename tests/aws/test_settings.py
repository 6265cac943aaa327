"""The settings of the functions: one class names them all, and every fault is told at once (origin 21)."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendorpay.entrypoints.aws.functions import FUNCTIONS, DatabaseRole, Function, Right
from vendorpay.entrypoints.aws.settings import CA_BUNDLE, AwsSettings, AwsSettingsError, needed, variables

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vendorpay/dev/app-AbCdEf"
WHOLE = {
    "VENDORPAY_FUNCTION": "create-payment",
    "AWS_REGION": "eu-west-1",
    "AURORA_ENDPOINT": "proxy.proxy-abc.eu-west-1.rds.amazonaws.com",
    "AURORA_SECRET_ARN": SECRET,
    "COGNITO_USER_POOL_ID": "eu-west-1_Ab12Cd34E",
    "COGNITO_CLIENT_IDS": "one, two",
    "EVENT_BUS_NAME": "roadcall-dev",
    "VENDORPAY_CHECKPOINT_BUCKET": "vendorpay-dev-checkpoints",
    "VENDORPAY_NOTICE_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alarms",
    "AURORA_APP_SECRET_ARN": SECRET,
    "AURORA_READONLY_SECRET_ARN": SECRET,
    "VENDORPAY_RDS_CA_BUNDLE": __file__,
}


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(AwsSettingsError) as refused:
        AwsSettings.read(environ)
    return refused.value.faults


def test_a_whole_environment_is_read() -> None:
    settings = AwsSettings.read({**WHOLE, "PATH": "/bin", "AWS_LAMBDA_FUNCTION_NAME": "x"})
    assert settings.function.name == "create-payment"
    assert settings.cognito_client_ids == {"one", "two"}
    assert settings.jwt_issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E"
    assert (settings.database_name, settings.aurora_port, settings.org) == ("vendorpay", 5432, "default")
    assert settings.event_sources == {"roadcall.incident-service", "roadcall.incident"}


def test_every_fault_is_told_at_once_and_a_password_never() -> None:
    """origin 21"""
    told = "\n".join(
        faults(
            {
                "VENDORPAY_FUNCTION": "create-payments",
                "AWS_REGION": "Ireland",
                "AURORA_ENDPOINT": "https://cluster",
                "AURORA_SECRET_NAME": "vendorpay/app",
                "AURORA_PORT": "none",
                "COGNITO_CLIENT_ID": "one",
                "VENDORPAY_DATABASE_URL": "mysql://root:hunter2@db",
                "VENDORPAY_DATABASE_AUTH": "kerberos",
                "VENDORPAY_RDS_CA_BUNDLE": __file__,
            }
        )
    )
    assert len(told.splitlines()) == 8
    assert "AURORA_SECRET_NAME is no setting; did you mean AURORA_SECRET_ARN?" in told
    assert "COGNITO_CLIENT_ID is no setting; did you mean COGNITO_CLIENT_IDS?" in told
    assert "VENDORPAY_FUNCTION must be the name of a function, not 'create-payments'." in told
    assert "hunter2" not in told


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_function_starts_with_what_it_needs_and_names_each_thing_that_is_missing(row: Function) -> None:
    """origin 21"""
    least = {"VENDORPAY_FUNCTION": row.name, "VENDORPAY_RDS_CA_BUNDLE": __file__}
    environ = {name: value for name, value in WHOLE.items() if name in needed(row)} | least
    assert needed(row) <= variables()
    assert AwsSettings.read(environ).function is row
    missing = needed(row) - {"VENDORPAY_FUNCTION"}
    assert [fault.split()[0] for fault in faults(least)] == sorted(missing)


def test_a_function_is_told_only_of_what_its_rights_are_for() -> None:
    for row in FUNCTIONS:
        assert ("EVENT_BUS_NAME" in needed(row)) == (Right.PUBLISH_EVENTS in row.rights)
        assert ("AURORA_APP_SECRET_ARN" in needed(row)) == (row.role is DatabaseRole.OWNER)


def test_the_database_is_aurora_or_a_url_and_never_both() -> None:
    other = {name: value for name, value in WHOLE.items() if not name.startswith("AURORA_")}
    url = {"VENDORPAY_DATABASE_URL": "postgresql://app:secret@db/vendorpay"}
    assert "secret@" not in repr(AwsSettings.read(other | url))
    assert faults(WHOLE | url) == ("AURORA_ENDPOINT and VENDORPAY_DATABASE_URL exclude each other: set one of them.",)


def test_iam_authentication_needs_no_secret() -> None:
    environ = {name: value for name, value in WHOLE.items() if not name.endswith("SECRET_ARN")}
    assert AwsSettings.read({**environ, "VENDORPAY_DATABASE_AUTH": "IAM"}).database_auth == "iam"
    assert faults(environ) == ("AURORA_SECRET_ARN must be set: the function create-payment cannot do without.",)


def test_a_service_s_own_endpoint_goes_before_the_one_for_all() -> None:
    general = {"AWS_ENDPOINT_URL": "http://localhost:5000"}
    own = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://localhost:5001"}
    assert AwsSettings.read(WHOLE | general).secrets_endpoint == "http://localhost:5000"
    assert AwsSettings.read(WHOLE | general | own).secrets_endpoint == "http://localhost:5001"
    assert AwsSettings.read(WHOLE).secrets_endpoint is None


def test_no_function_starts_without_a_name() -> None:
    assert faults({"VENDORPAY_FUNCTION": "", "VENDORPAY_RDS_CA_BUNDLE": __file__}) == (
        "VENDORPAY_FUNCTION must be set: the name of a row of FUNCTIONS.",
    )


def test_no_function_starts_without_the_authorities_of_rds(tmp_path: Path) -> None:
    """origin 20"""
    (fault,) = faults({**WHOLE, "VENDORPAY_RDS_CA_BUNDLE": str(tmp_path / "none.pem")})
    assert "none.pem, which is no file: package Amazon's certificate authorities" in fault
    (fault,) = faults({name: value for name, value in WHOLE.items() if name != "VENDORPAY_RDS_CA_BUNDLE"})
    assert str(CA_BUNDLE) in fault


def test_authorities_for_aws_itself_are_there_when_they_are_named(tmp_path: Path) -> None:
    assert AwsSettings.read({**WHOLE, "AWS_CA_BUNDLE": __file__}).services_ca_bundle == Path(__file__)
    missing = str(tmp_path / "none.pem")
    assert faults({**WHOLE, "AWS_CA_BUNDLE": missing}) == (f"AWS_CA_BUNDLE names {missing}, which is no file.",)
