"""Signatures of AWS, version 4, without AWS's own client: importing that costs more than a whole cold start may.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from vendorpay.adapters.aws.credentials import Credentials

ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNRESERVED: Final = "-_.~"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature is good for: one service of one region, on the day of `at`."""

    region: str
    service: str
    at: datetime

    @property
    def moment(self) -> str:
        """The time of the signature."""
        return self.at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

    def __str__(self) -> str:
        return f"{self.moment[:8]}/{self.region}/{self.service}/aws4_request"


def signed_post(
    scope: Scope, credentials: Credentials, *, host: str, path: str, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """The headers of a POST, those of its signature included; `host` with its port where that is unusual."""
    signed = {name.lower(): value.strip() for name, value in headers.items()}
    signed |= {"host": host, "x-amz-date": scope.moment}
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    request = _canonical("POST", path, {}, signed, hashlib.sha256(body).hexdigest())
    parts = (
        f"Credential={credentials.access_key_id}/{scope}",
        f"SignedHeaders={_names(signed)}",
        f"Signature={_signature(scope, credentials, request)}",
    )
    return {**signed, "authorization": f"{ALGORITHM} {', '.join(parts)}"}


def presigned_get(
    scope: Scope, credentials: Credentials, *, host: str, path: str, query: Mapping[str, str], good_for_s: int
) -> str:
    """An address without its scheme that lets whoever has it in, until `good_for_s` after the scope's moment."""
    asked = {
        **query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
        "X-Amz-Date": scope.moment,
        "X-Amz-Expires": str(good_for_s),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.session_token:
        asked["X-Amz-Security-Token"] = credentials.session_token
    request = _canonical("GET", path, asked, {"host": host}, hashlib.sha256(b"").hexdigest())
    return f"{host}{path}?{_query(asked)}&X-Amz-Signature={_signature(scope, credentials, request)}"


def _canonical(method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body_sha256: str) -> bytes:
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
    # Every service but S3 wants the path, which is escaped already, escaped once more.
    parts = (method, quote(path, safe=f"/{_UNRESERVED}"), _query(query), *lines, "", _names(headers), body_sha256)
    return "\n".join(parts).encode()


def _query(asked: Mapping[str, str]) -> str:
    escaped = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in asked.items())
    return "&".join(f"{name}={value}" for name, value in escaped)


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(headers))


def _signature(scope: Scope, credentials: Credentials, canonical_request: bytes) -> str:
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in str(scope).split("/"):
        key = _mac(key, part)
    text = "\n".join((ALGORITHM, scope.moment, str(scope), hashlib.sha256(canonical_request).hexdigest()))
    return _mac(key, text).hex()


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
