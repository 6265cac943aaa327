"""Our signatures are those of AWS's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.adapters.aws.credentials import Credentials
from vendorpay.adapters.aws.http_exchange import host_of
from vendorpay.adapters.aws.rds_iam import GOOD_FOR_S, password
from vendorpay.adapters.aws.sigv4 import Scope, signed_post

AT = datetime(2026, 11, 23, 9, 8, 7, tzinfo=UTC)
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKENS = (None, "a/session+token==")


def credentials(token: str | None) -> Credentials:
    return Credentials(access_key_id=KEY, secret_access_key=SECRET, session_token=token)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("address", ["https://secretsmanager.eu-west-1.amazonaws.com", "http://127.0.0.1:5000"])
@given(body=st.binary(max_size=200), value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_post_is_signed_as_botocore_signs_it(address: str, token: str | None, body: bytes, value: str) -> None:
    scope = Scope(region="eu-west-1", service="secretsmanager", at=AT)
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"  {value}  and {value} "}
    ours = signed_post(scope, credentials(token), host=host_of(address), path="/", headers=headers, body=body)
    theirs = AWSRequest("POST", f"{address}/", headers=headers, data=body)
    with patch("botocore.auth.get_current_datetime", lambda: AT.replace(tzinfo=None)):
        SigV4Auth(BotoCredentials(KEY, SECRET, token), "secretsmanager", "eu-west-1").add_auth(theirs)
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours.get("x-amz-security-token") == token


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("user", ["vendorpay_app", "a user/with+odd=letters~é"])
def test_a_password_for_rds_is_the_one_boto3_makes(user: str, token: str | None) -> None:
    theirs = boto3.client(
        "rds",
        region_name="eu-west-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
    ).generate_db_auth_token("cluster.example.com", 5432, user)
    said = parse_qs(urlsplit(f"https://{theirs}").query)["X-Amz-Date"][0]
    at = datetime.strptime(said, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    mine = credentials(token)
    ours = password(mine, region="eu-west-1", host="cluster.example.com", port=5432, user=user, now=at)
    assert parts(ours) == parts(theirs)
    assert parts(ours)[1]["X-Amz-Expires"] == [str(GOOD_FOR_S)]


def test_a_signature_says_the_moment_in_utc_whatever_clock_it_was_read_from() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=9)))
    assert Scope(region="r", service="s", at=elsewhere).moment == "20261123T090807Z"
    assert str(Scope(region="r", service="s", at=AT)) == "20261123/r/s/aws4_request"


def test_credentials_show_no_secret() -> None:
    assert SECRET not in repr(credentials("token-of-a-session"))
    assert "token-of-a-session" not in repr(credentials("token-of-a-session"))


def parts(token: str) -> tuple[str, dict[str, list[str]]]:
    """Host and query: the order of a query's parameters means nothing, and the signature is among them."""
    found = urlsplit(f"https://{token}")
    return found.netloc, parse_qs(found.query)
