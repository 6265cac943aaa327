"""Events as API Gateway writes them, for one and the same call: REST APIs (v1) and HTTP APIs (v2)."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from tests.aws.conftest import CLIENT, ISSUER
from vendorpay.api import examples

V1: Final = "v1"
V2: Final = "v2"
VERSIONS: Final = (V1, V2)
STAGE: Final = "prod"
NO_CLAIMS: Final[Mapping[str, Any]] = {}


def claims(role: str | None, *, sub: str = examples.CREATOR, **more: Any) -> dict[str, Any]:
    """What an access token of the pool says; `more` wins, and None leaves a claim out."""
    now = int(time.time())
    told = {
        "sub": sub,
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "custom:role": role,
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
        **more,
    }
    return {name: value for name, value in told.items() if value is not None}


def event(
    version: str,
    method: str,
    target: str,
    *,
    template: str | None = None,
    who: Mapping[str, Any] | None = None,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    encoded: bool = False,
) -> dict[str, Any]:
    """`template` is the route that the gateway matched, `who` the claims that its authorizer has checked."""
    path, _, query = target.partition("?")
    make = _v1 if version == V1 else _v2
    made = make(method, path, query, template or path, who, headers)
    made["isBase64Encoded"] = encoded
    if body is None:
        made["body"] = None
    else:
        made["body"] = base64.b64encode(body).decode() if encoded else body.decode()
    return made


def _v1(
    method: str, path: str, query: str, template: str, who: Mapping[str, Any] | None, headers: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    several: dict[str, list[str]] = {}
    for name, value in headers:
        several.setdefault(name, []).append(value)
    parameters = parse_qs(query, keep_blank_values=True) or None
    context: dict[str, Any] = {
        "resourcePath": template,
        "httpMethod": method,
        "path": f"/{STAGE}{path}",
        "stage": STAGE,
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "identity": {"sourceIp": "192.0.2.1"},
    }
    if who is not None:
        context["authorizer"] = {"claims": {name: as_rest_writes(name, value) for name, value in who.items()}}
    return {
        "resource": template,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in several.items()} or None,
        "multiValueHeaders": several or None,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} if parameters else None,
        "multiValueQueryStringParameters": parameters,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": context,
    }


def _v2(
    method: str, path: str, query: str, template: str, who: Mapping[str, Any] | None, headers: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name.lower()] = f"{joined[name.lower()]},{value}" if name.lower() in joined else value
    context: dict[str, Any] = {
        "http": {"method": method, "path": f"/{STAGE}{unquote(path)}", "protocol": "HTTP/1.1"},
        "routeKey": f"{method} {template}",
        "stage": STAGE,
        "requestId": "JKJaXmPLvHcESHA=",
    }
    if who is not None:
        told = {name: as_http_writes(value) for name, value in who.items()}
        context["authorizer"] = {"jwt": {"claims": told, "scopes": None}}
    return {
        "version": "2.0",
        "routeKey": f"{method} {template}",
        "rawPath": f"/{STAGE}{unquote(path)}",
        "rawQueryString": query,
        "headers": joined,
        "requestContext": context,
    }


def as_rest_writes(name: str, value: Any) -> str:
    """A claim in a REST API's event: times in words, lists with commas, everything text."""
    if name in {"exp", "iat", "nbf"} and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    return ",".join(value) if isinstance(value, list) else str(value)


def as_http_writes(value: Any) -> str:
    """A claim in an HTTP API's event."""
    return f"[{' '.join(value)}]" if isinstance(value, list) else str(value)
