"""The stand-in for Cognito: a user pool of moto's, whose keys sign the tokens."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final
from uuid import uuid4

import jwt
from jwt.algorithms import RSAAlgorithm

from tests.aws.moto_server import REGION, MotoServer
from vendorpay.domain.roles import Role

ATTRIBUTES: Final = ("role", "org_id", "vendor_id")
PASSWORD: Final = "Of-a-test-0"
TTL_S: Final = 3600.0


class People:
    """A pool with an app client, as infra/ makes them."""

    def __init__(self, moto: MotoServer) -> None:
        self._moto = moto
        self._cognito = moto.client("cognito-idp")
        made = self._cognito.create_user_pool(
            PoolName="vendorpay-test-people",
            Schema=[{"Name": name, "AttributeDataType": "String", "Mutable": True} for name in ATTRIBUTES],
        )
        self.pool: str = made["UserPool"]["Id"]
        app = self._cognito.create_user_pool_client(
            UserPoolId=self.pool, ClientName="back-office", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )
        self.client: str = app["UserPoolClient"]["ClientId"]
        for role in Role:
            self._cognito.create_group(UserPoolId=self.pool, GroupName=role.value)

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool}"

    @property
    def jwks_url(self) -> str:
        """Where the pool's keys are; the real one keeps them below its issuer."""
        return f"{self._moto.url}/{self.pool}/.well-known/jwks.json"

    def token(self, role: str, *, sub: str, org: str, vendor: str | None = None, ttl_s: float = TTL_S) -> str:
        """What the pool would sign for a person with these attributes: its own key, and a `sub` that tests choose."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": sub,
            "aud": self.client,
            "token_use": "id",
            "iat": now,
            "auth_time": now,
            "exp": now + int(ttl_s),
            "jti": str(uuid4()),
            "custom:role": role,
            "custom:org_id": org,
        }
        if vendor is not None:
            claims["custom:vendor_id"] = vendor
        return jwt.encode(claims, _key(), algorithm="RS256", headers={"kid": "dummy"})

    def signed_in(self, role: str, *, org: str) -> str:
        """The token of a person who was entered into the pool and signs in with a password."""
        name = f"{role}-{uuid4()}"
        attributes: Mapping[str, str] = {"custom:role": role, "custom:org_id": org}
        self._cognito.admin_create_user(
            UserPoolId=self.pool,
            Username=name,
            UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
            MessageAction="SUPPRESS",
        )
        self._cognito.admin_set_user_password(UserPoolId=self.pool, Username=name, Password=PASSWORD, Permanent=True)
        answer = self._cognito.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        token: str = answer["AuthenticationResult"]["IdToken"]
        return token


def _key() -> Any:
    packed = resources.files("moto.cognitoidp") / "resources" / "jwks-private.json.gz"
    return RSAAlgorithm.from_jwk(json.loads(gzip.decompress(packed.read_bytes())))
