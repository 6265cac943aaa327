"""Passwords for RDS that AWS signs: no secret anywhere, good for fifteen minutes.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vendorpay.adapters.aws.credentials import Credentials
from vendorpay.adapters.aws.sigv4 import Scope, presigned_get

GOOD_FOR_S: Final = 900
SERVICE: Final = "rds-db"


def password(credentials: Credentials, *, region: str, host: str, port: int, user: str, now: datetime) -> str:
    """What a role with rds-db:connect on this user gives as password, over TLS alone."""
    return presigned_get(
        Scope(region=region, service=SERVICE, at=now),
        credentials,
        host=f"{host}:{port}",
        path="/",
        query={"Action": "connect", "DBUser": user},
        good_for_s=GOOD_FOR_S,
    )
