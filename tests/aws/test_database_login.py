"""Where a function connects and as whom, by its settings."""

from __future__ import annotations

from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from vendorpay.adapters.aws.secret_cache import SecretCache
from vendorpay.entrypoints.aws.database import login_of
from vendorpay.entrypoints.aws.database_login import NO_HOPE_S, Place, SecretLogin, secret_of
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.ports import SecretUnavailable

pytestmark = pytest.mark.anyio

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vendorpay/app-AbCdEf"
SETTINGS = {
    "VENDORPAY_FUNCTION": "create-payment",
    "AWS_REGION": "eu-west-1",
    "AURORA_ENDPOINT": "proxy.example.com",
    "AURORA_READER_ENDPOINT": "reader.example.com",
    "DATABASE_NAME": "payments",
    "AURORA_SECRET_ARN": ARN,
    "COGNITO_USER_POOL_ID": "eu-west-1_Ab12Cd34E",
    "COGNITO_CLIENT_IDS": "one",
    "VENDORPAY_RDS_CA_BUNDLE": __file__,
}


def place(**changes: Any) -> Place:
    login = login_of(AwsSettings.read(SETTINGS), DatabaseRole.APP, **changes)
    assert isinstance(login, SecretLogin)
    return login.place


def test_functions_write_where_writes_are_taken_and_see_what_they_wrote() -> None:
    """Also those that only read: a reader may be a moment behind what its caller has just been told."""
    told = conninfo_to_dict(place().conninfo("vendorpay_app", "a b'c"))
    assert (told["host"], told["port"], told["dbname"]) == ("proxy.example.com", "5432", "payments")
    assert (told["user"], told["password"]) == ("vendorpay_app", "a b'c")
    assert (told["sslmode"], told["sslrootcert"]) == ("verify-full", __file__)
    assert told["target_session_attrs"] == "read-write"
    assert "options" not in told, "RDS Proxy refuses them"


def test_only_who_asks_for_it_reads_from_a_reader() -> None:
    told = conninfo_to_dict(place(from_reader=True).conninfo("vendorpay_readonly", "x"))
    assert (told["host"], told["target_session_attrs"]) == ("reader.example.com", "any")


def test_a_url_is_taken_as_it_is() -> None:
    other = {name: value for name, value in SETTINGS.items() if not name.startswith("AURORA_")}
    url = "postgresql://app:secret@db.example.com/payments"
    settings = AwsSettings.read({**other, "VENDORPAY_DATABASE_URL": url})
    assert login_of(settings, DatabaseRole.APP) == url


def test_a_secret_of_rds_is_read_and_shows_no_password() -> None:
    text = '{"engine": "postgres", "host": "x", "username": "vendorpay_app", "password": "s3cr3t", "port": 5432}'
    found = secret_of(text, ARN)
    assert (found.username, found.password) == ("vendorpay_app", "s3cr3t")
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        *("s3cr3t", '{"password": "s3cr3t"}', '{"username": "s3cr3t"}', '{"username": "a", "password": 1}', "[]", ""),
        *('{"username": "a", "password": ""}', '{"username": "", "password": "s3cr3t"}'),
    ],
)
def test_a_secret_that_is_no_login_is_refused_with_what_it_must_be(text: str) -> None:
    with pytest.raises(SecretUnavailable) as refused:
        secret_of(text, ARN)
    assert str(refused.value).startswith('The secret vendorpay/app-AbCdEf: it must be {"username"')
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None


class Asked:
    """A place for secrets that counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    async def current(self, name: str) -> str:
        self.times += 1
        return '{"username": "vendorpay_app", "password": "wrong"}'


class Refused(psycopg.OperationalError):
    """What libpq says of a password."""

    @property
    def pgconn(self) -> Any:
        return type("Refusing", (), {"used_password": True})


async def test_after_it_waited_in_vain_nobody_waits_again_for_a_while() -> None:
    at_s, asked, questions = 0.0, Asked(), count()
    login = SecretLogin(
        place=place(),
        secrets=SecretCache(asked, monotonic=lambda: float(next(questions))),
        name=ARN,
        user="vendorpay_app",
        chance=lambda: 0.0,
        pauses_s=(0.001, 0.001),
        monotonic=lambda: at_s,
    )
    told = await login.conninfo()
    assert not await login.failed(told, Refused())
    assert asked.times == 1 + 3
    assert not await login.failed(told, Refused())
    assert asked.times == 1 + 3 + 1, "asked, but not waited for"
    at_s = NO_HOPE_S
    assert not await login.failed(told, Refused())
    assert asked.times == 1 + 3 + 1 + 3


async def test_what_is_no_matter_of_the_password_asks_for_none() -> None:
    asked = Asked()
    secrets = SecretCache(asked, monotonic=lambda: 0.0)
    login = SecretLogin(place=place(), secrets=secrets, name=ARN, user="vendorpay_app", chance=lambda: 0.0)
    assert not await login.failed(await login.conninfo(), psycopg.OperationalError("timeout expired"))
    assert asked.times == 1
