"""The database as a function reaches it: by its settings, as its role, through RDS Proxy or to the cluster itself."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from vendorpay.adapters.aws.secret_cache import SecretCache
from vendorpay.adapters.aws.secret_values import SERVICE, TARGET, SecretsManager
from vendorpay.adapters.aws.signed_https import JsonService
from vendorpay.entrypoints.aws.credentials import credentials_of
from vendorpay.entrypoints.aws.database_login import DatabaseSecret, IamLogin, Place, SecretLogin, secret_of
from vendorpay.entrypoints.aws.functions import DatabaseRole
from vendorpay.entrypoints.aws.settings import BY_IAM, AwsSettings
from vendorpay.entrypoints.ids import system_now
from vendorpay.store.db import Database
from vendorpay.store.logins import Login

POOL_SIZE: Final = 1
PATIENCE_S: Final = 12.0
"""Longer than any statement may take, and well within a function's 30 s."""


@asynccontextmanager
async def open_database(
    settings: AwsSettings, role: DatabaseRole, *, pool_size: int = POOL_SIZE, from_reader: bool = False
) -> AsyncIterator[Database]:
    """The database as one of its roles, for as long as it is wanted; connects when first asked.

    A password that changes meanwhile is found by itself. `from_reader` takes the readers' endpoint where there is one:
    for reports, that need not see what was committed a moment ago. Nothing is prepared at the server, which would pin
    connections of RDS Proxy. That no connection can be had shows as DatabaseUnavailable, and why in the log.
    """
    login = login_of(settings, role, from_reader=from_reader)
    async with Database.open(login, pool_size=pool_size, patience_s=PATIENCE_S, prepares=False) as database:
        yield database


def login_of(settings: AwsSettings, role: DatabaseRole, *, from_reader: bool = False) -> str | Login:
    """How a role gets in: a URL where the settings have one, else by Aurora's endpoint.

    The owner's secret may name anybody, for it is the cluster's own; the others name their role.
    """
    if settings.database_url is not None:
        return settings.database_url
    reader = settings.aurora_reader_endpoint if from_reader else None
    place = Place(
        host=reader or settings.aurora_endpoint or "",
        port=settings.aurora_port,
        database=settings.database_name,
        ca_bundle=settings.ca_bundle,
        writes=reader is None,
    )
    if settings.database_auth == BY_IAM:
        return IamLogin(
            place=place,
            region=settings.region or "",
            user=role.value,
            credentials=credentials_of(os.environ),
            now=system_now,
        )
    return SecretLogin(
        place=place,
        secrets=secrets_of(settings),
        name=settings.aurora_secret_arn or "",
        user=None if role is DatabaseRole.OWNER else role.value,
        chance=random.random,
    )


async def database_secret(settings: AwsSettings, name: str) -> DatabaseSecret:
    """The login that a secret holds now. Raises SecretUnavailable."""
    return secret_of(await secrets_of(settings).current(name), name)


async def pending_database_secret(settings: AwsSettings, name: str) -> DatabaseSecret | None:
    """The login that a rotation is about to make current; None without one. Raises SecretUnavailable."""
    text = await _secrets_manager(settings).pending(name)
    return None if text is None else secret_of(text, name)


def secrets_of(settings: AwsSettings) -> SecretCache:
    """Secrets Manager of the function's region, remembered for an hour."""
    return SecretCache(_secrets_manager(settings), monotonic=time.monotonic)


def _secrets_manager(settings: AwsSettings) -> SecretsManager:
    service = JsonService(
        address=settings.secrets_endpoint or f"https://secretsmanager.{settings.region}.amazonaws.com",
        region=settings.region or "",
        service=SERVICE,
        target=TARGET,
        credentials=credentials_of(os.environ),
        now=system_now,
        chance=random.random,
        ca_bundle=None if settings.services_ca_bundle is None else str(settings.services_ca_bundle),
    )
    return SecretsManager(service)
