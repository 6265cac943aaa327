"""What every place for passwords must do."""

from __future__ import annotations

import asyncio

import pytest

from tests.aws.moto_server import MotoServer
from vendorpay.ports import Secrets, SecretUnavailable


class SecretsContract:
    """Subclasses give the adapter, a fixture `secrets`, over what the fixture `moto` holds."""

    @pytest.fixture
    def name(self, moto: MotoServer, request: pytest.FixtureRequest) -> str:
        """A secret whose text is `first`."""
        made = moto.client("secretsmanager").create_secret(
            Name=f"{type(self).__name__}/{request.node.name}", SecretString="first"
        )
        arn: str = made["ARN"]
        return arn

    async def test_it_gives_what_is_in_force(self, secrets: Secrets, name: str) -> None:
        assert await secrets.current(name) == "first"

    async def test_a_version_that_is_only_pending_is_not_in_force(
        self, secrets: Secrets, name: str, moto: MotoServer
    ) -> None:
        moto.client("secretsmanager").put_secret_value(
            SecretId=name, SecretString="second", VersionStages=["AWSPENDING"]
        )
        assert await secrets.current(name) == "first"

    async def test_a_version_that_was_made_current_is_the_one(
        self, secrets: Secrets, name: str, moto: MotoServer
    ) -> None:
        """An answer without a version's stage may be the one from before."""
        client = moto.client("secretsmanager")
        before = client.get_secret_value(SecretId=name)["VersionId"]
        after = client.put_secret_value(SecretId=name, SecretString="second", VersionStages=["AWSPENDING"])["VersionId"]
        client.update_secret_version_stage(
            SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=after, RemoveFromVersionId=before
        )
        assert await secrets.current(name) == "second"

    async def test_many_may_ask_at_once(self, secrets: Secrets, name: str) -> None:
        assert set(await asyncio.gather(*(secrets.current(name) for _ in range(20)))) == {"first"}

    async def test_one_that_is_not_there_is_named_with_what_to_do(self, secrets: Secrets) -> None:
        with pytest.raises(
            SecretUnavailable, match=r"The secret vendorpay/none: there is none .*: make it, or correct"
        ):
            await secrets.current("vendorpay/none")

    async def test_one_that_is_being_deleted_says_so(self, secrets: Secrets, name: str, moto: MotoServer) -> None:
        moto.client("secretsmanager").delete_secret(SecretId=name, RecoveryWindowInDays=7)
        with pytest.raises(SecretUnavailable, match="it is being deleted: restore it"):
            await secrets.current(name)

    async def test_one_that_is_binary_is_none(self, secrets: Secrets, moto: MotoServer) -> None:
        name = moto.client("secretsmanager").create_secret(Name=f"binary-{id(secrets)}", SecretBinary=b"\0\1")["ARN"]
        with pytest.raises(SecretUnavailable, match="it is binary; it must be text"):
            await secrets.current(name)
