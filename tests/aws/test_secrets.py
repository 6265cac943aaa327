"""Secrets Manager, asked directly and through the cache: the contract, and what each does besides."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tests.aws.contracts.secrets import SecretsContract
from tests.aws.free_port import free_port
from tests.aws.moto_server import CREDENTIALS, REGION, MotoServer
from tests.scenarios.webhook_receiver import WebhookReceiver, first, hang, respond
from vendorpay.adapters.aws import signed_https
from vendorpay.adapters.aws.credentials import Credentials, CredentialsMissing
from vendorpay.adapters.aws.secret_cache import ASKED_AGAIN_S_MIN, AWAY_S, KEPT_S_MAX, SecretCache
from vendorpay.adapters.aws.secret_values import SERVICE, TARGET, WHY, SecretsManager
from vendorpay.adapters.aws.signed_https import TRIES_MAX, JsonService
from vendorpay.ports import Secrets, SecretUnavailable

pytestmark = pytest.mark.anyio

SECRET = b'{"SecretString": "first", "VersionStages": ["AWSCURRENT"]}'


async def credentials() -> Credentials:
    return Credentials(
        access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    )


def service(address: str) -> JsonService:
    return JsonService(
        address=address,
        region=REGION,
        service=SERVICE,
        target=TARGET,
        credentials=credentials,
        now=lambda: datetime.now(UTC),
        chance=lambda: 0.01,
    )


class TestSecretsManager(SecretsContract):
    """The service itself."""

    @pytest.fixture
    def secrets(self, moto: MotoServer) -> Secrets:
        return SecretsManager(service(moto.url))


class TestSecretCache(SecretsContract):
    """The same with a memory."""

    @pytest.fixture
    def secrets(self, moto: MotoServer) -> Secrets:
        return SecretCache(SecretsManager(service(moto.url)), monotonic=time.monotonic)


async def test_what_passes_is_asked_again_and_not_for_ever() -> None:
    with WebhookReceiver() as receiver:
        throttled = respond(400, b'{"__type": "com.amazonaws.secretsmanager#ThrottlingException"}')
        receiver.behave = first(TRIES_MAX - 2, throttled, first(1, respond(503), respond(200, SECRET)))
        assert await SecretsManager(service(receiver.url)).current("a") == "first"
        assert len(receiver.received) == TRIES_MAX
        receiver.behave = throttled
        with pytest.raises(SecretUnavailable, match=r"The secret a: .*no answer.*ThrottlingException \(400\)"):
            await SecretsManager(service(receiver.url)).current("a")
        assert len(receiver.received) == 2 * TRIES_MAX


@pytest.mark.parametrize("code", [*WHY, "SomethingNew"])
async def test_what_does_not_pass_is_asked_once_and_says_what_to_do(code: str) -> None:
    with WebhookReceiver() as receiver:
        receiver.behave = respond(400, f'{{"__type": "{code}", "Message": "s3cr3t"}}'.encode())
        with pytest.raises(SecretUnavailable) as refused:
            await SecretsManager(service(receiver.url)).current("a")
    assert len(receiver.received) == 1
    assert str(refused.value) == f"The secret a: {WHY.get(code, code)}."


async def test_a_silent_service_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_https, "TRY_S_MAX", 0.05)
    with WebhookReceiver() as receiver:
        receiver.behave = hang
        began = time.monotonic()
        with pytest.raises(SecretUnavailable, match="did not answer within"):
            await SecretsManager(service(receiver.url)).current("a")
    assert time.monotonic() - began < 7, "four times two seconds are usual"


async def test_nobody_listening_is_told_with_what_a_private_subnet_needs() -> None:
    with pytest.raises(SecretUnavailable, match="from a private subnet it needs an endpoint"):
        await SecretsManager(service(f"http://127.0.0.1:{free_port()}")).current("a")


async def test_without_credentials_it_says_where_it_looked() -> None:
    async def none() -> Credentials:
        raise CredentialsMissing("AWS_ACCESS_KEY_ID is not set")

    nobody = replace(service("http://127.0.0.1:1"), credentials=none)
    with pytest.raises(SecretUnavailable, match="The secret a: AWS_ACCESS_KEY_ID is not set"):
        await SecretsManager(nobody).current("a")


@dataclass
class Counted:
    """A place for secrets that counts how often it is asked, and may be away."""

    text: str = "first"
    asked: int = 0
    away: bool = False
    busy_s: float = 0.0
    now_s: float = 0.0
    cache: SecretCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = SecretCache(self, monotonic=lambda: self.now_s)

    async def current(self, name: str) -> str:
        self.asked += 1
        await asyncio.sleep(self.busy_s)
        if self.away:
            raise SecretUnavailable(f"The secret {name}: away.")
        return self.text


async def test_it_is_remembered_for_an_hour_and_no_longer() -> None:
    counted = Counted()
    for now_s in (0.0, 1.0, KEPT_S_MAX - 1):
        counted.now_s = now_s
        assert await counted.cache.current("a") == "first"
    assert counted.asked == 1
    counted.now_s, counted.text = KEPT_S_MAX + 1, "second"
    assert await counted.cache.current("a") == "second"
    assert counted.asked == 2


async def test_a_hundred_who_ask_at_once_are_one_question() -> None:
    counted = Counted(busy_s=0.01)
    asked = [counted.cache.current("a") for _ in range(50)] + [counted.cache.renewed("a") for _ in range(50)]
    assert set(await asyncio.gather(*asked)) == {"first"}
    assert counted.asked == 1


async def test_one_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    counted = Counted(busy_s=0.05)
    leaver, stayer = (asyncio.create_task(counted.cache.current("a")) for _ in range(2))
    await asyncio.sleep(0.01)
    leaver.cancel()
    assert await stayer == "first"
    assert counted.asked == 1


async def test_whoever_was_refused_gets_the_newest_but_not_in_a_storm() -> None:
    counted = Counted()
    assert await counted.cache.current("a") == "first"
    counted.text = "second"
    assert await counted.cache.renewed("a") == "first", "it was asked for a moment ago"
    counted.now_s = ASKED_AGAIN_S_MIN
    assert await counted.cache.renewed("a") == "second"
    assert await counted.cache.current("a") == "second"
    for _ in range(100):
        await counted.cache.renewed("a")
    assert counted.asked == 2


async def test_the_old_one_does_while_the_place_is_away() -> None:
    counted = Counted()
    await counted.cache.current("a")
    counted.away, counted.now_s = True, KEPT_S_MAX + 1
    assert [await counted.cache.current("a") for _ in range(10)] == ["first"] * 10
    assert counted.asked == 2
    counted.away, counted.text, counted.now_s = False, "second", counted.now_s + AWAY_S
    assert await counted.cache.current("a") == "second"


async def test_what_was_never_had_is_missing_and_asked_for_again() -> None:
    counted = Counted(away=True)
    for _ in range(2):
        with pytest.raises(SecretUnavailable):
            await counted.cache.current("a")
    counted.away = False
    assert await counted.cache.current("a") == "first"
