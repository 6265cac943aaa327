"""Where a function finds who it is towards AWS: in its environment, or, started from a snapshot, at an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from vendorpay.adapters.aws.container_credentials import ContainerCredentials
from vendorpay.adapters.aws.credentials import Credentials, CredentialsMissing
from vendorpay.entrypoints.ids import system_now


def credentials_of(environ: Mapping[str, str]) -> Callable[[], Awaitable[Credentials]]:
    """What tells them, each time anew: an environment may be given others while it lives."""
    if address := environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return ContainerCredentials(address, environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"), now=system_now)

    async def told() -> Credentials:
        key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            raise CredentialsMissing(
                "neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set, nor AWS_CONTAINER_CREDENTIALS_FULL_URI"
            )
        token = environ.get("AWS_SESSION_TOKEN") or None
        return Credentials(access_key_id=key, secret_access_key=secret, session_token=token)

    return told
