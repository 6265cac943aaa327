"""Secrets of AWS Secrets Manager."""

from __future__ import annotations

from typing import Final

from vendorpay.adapters.aws.credentials import CredentialsMissing
from vendorpay.adapters.aws.signed_https import JsonService, ServiceAway, ServiceRefused
from vendorpay.ports import SecretUnavailable

SERVICE: Final = "secretsmanager"
TARGET: Final = "secretsmanager"
CURRENT: Final = "AWSCURRENT"
"""Always asked for by name: without one, an answer may be the version that was current before."""
PENDING: Final = "AWSPENDING"
"""What a rotation that is under way has made, and will make current."""

_DENIED: Final = "this role may not read it: it needs secretsmanager:GetSecretValue on it, and kms:Decrypt on its key"
_WHO: Final = "AWS does not take this function's credentials: look at its role, and at the clock"
_NO_VERSION: Final = "ResourceNotFoundException"
WHY: Final = {
    _NO_VERSION: "there is none with a current version: make it, or correct the ARN in the settings",
    "AccessDeniedException": _DENIED,
    "DecryptionFailure": "its key does not decrypt it: the key may be disabled, or this role may not use it",
    "InvalidRequestException": "it is being deleted: restore it, or name another in the settings",
    "InvalidParameterException": "its name is none: correct the ARN in the settings",
    "UnrecognizedClientException": _WHO,
    "InvalidSignatureException": _WHO,
    "ExpiredTokenException": _WHO,
}
_AWAY: Final = "Secrets Manager gives no answer; from a private subnet it needs an endpoint of the network's own"


class SecretsManager:
    """A port `Secrets` over the service itself; asks it every time."""

    def __init__(self, service: JsonService) -> None:
        self._service = service

    async def current(self, name: str) -> str:
        """The secret's text. Raises SecretUnavailable."""
        return await self._version(name, CURRENT)

    async def pending(self, name: str) -> str | None:
        """What a rotation is about to make the secret's text; None without one. Raises SecretUnavailable."""
        try:
            return await self._version(name, PENDING)
        except SecretUnavailable as error:
            if isinstance(error.__cause__, ServiceRefused) and error.__cause__.code == _NO_VERSION:
                return None
            raise

    async def _version(self, name: str, stage: str) -> str:
        called = name.rpartition(":secret:")[2]  # what follows `secret:` a log takes for one, and hides
        try:
            told = await self._service.ask("GetSecretValue", {"SecretId": name, "VersionStage": stage})
        except ServiceRefused as error:
            raise SecretUnavailable(f"The secret {called}: {WHY.get(error.code, error.code)}.") from error
        except ServiceAway as error:
            raise SecretUnavailable(f"The secret {called}: {_AWAY} ({error}).") from error
        except CredentialsMissing as error:
            raise SecretUnavailable(f"The secret {called}: {error}.") from error
        text = told.get("SecretString")
        if not isinstance(text, str):
            raise SecretUnavailable(f"The secret {called}: it is binary; it must be text.")
        return text
