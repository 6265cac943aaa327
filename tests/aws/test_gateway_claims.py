"""What a gateway says of a caller is checked again, in every spelling that the gateways have."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.aws.conftest import CLIENT, ISSUER
from tests.aws.gateway_events import as_http_writes, as_rest_writes, claims
from vendorpay.adapters.aws.gateway_claims import GatewayClaims, claims_in
from vendorpay.domain.errors import Unauthenticated
from vendorpay.domain.roles import Role, caller_of

WRITTEN = {
    "REST": lambda told: {name: as_rest_writes(name, value) for name, value in told.items()},
    "HTTP": lambda told: {name: as_http_writes(value) for name, value in told.items()},
    "as they were": dict,
}
NOW = int(time.time())


def checked(told: Mapping[str, Any] | None, *, later_s: float = 0) -> Mapping[str, Any]:
    """By the clock, for that is what the claims that are told here were written by."""
    rules = GatewayClaims(
        issuer=ISSUER, audiences=frozenset({"another-client", CLIENT}), now=lambda: time.time() + later_s
    )
    return rules.checked(told)


@pytest.mark.parametrize("written", WRITTEN)
def test_claims_mean_the_same_in_every_spelling(written: str) -> None:
    groups = ["eu-central-1_Tested000_Google", "dispatcher", "admin"]
    told = {**claims(None), "cognito:groups": groups, "custom:org_id": "roadcall"}
    found = checked(WRITTEN[written](told))
    caller = caller_of(found)
    assert caller.role is Role.DISPATCHER, "the first group that is known"
    assert (caller.org_id, caller.sub) == ("roadcall", told["sub"])
    assert found["exp"] == told["exp"]


@pytest.mark.parametrize("written", WRITTEN)
def test_one_group_alone_is_a_list_of_one(written: str) -> None:
    told = {**claims(None), "cognito:groups": ["auditor"]}
    assert caller_of(checked(WRITTEN[written](told))).role is Role.AUDITOR


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Another00"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"client_id": "somebody-elses"}, "another audience"),
        ({"client_id": None}, "another audience"),
        ({"client_id": None, "aud": ["somebody-elses"]}, "another audience"),
        ({"client_id": None, "aud": ""}, "another audience"),
        ({"token_use": "refresh"}, "not an access token"),
        ({"exp": NOW - 1}, "expired"),
        ({"exp": NOW}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": "Wed May 32 19:40:00 UTC 2048"}, "exp"),
        ({"exp": "Wed May 02 19:40:00 PST 2048"}, "exp"),
        ({"exp": "9e99"}, "exp"),
        ({"exp": "nan"}, "exp"),
        ({"exp": "infinity"}, "exp"),
        ({"nbf": NOW + 3600}, "not yet valid"),
        ({"iat": NOW + 3600}, "not yet valid"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "a\0b"}, "control characters"),
    ],
)
def test_what_does_not_hold_is_401(written: str, wrong: Mapping[str, Any], reason: str) -> None:
    """Origin 4: a missing claim is a refusal, and never 'system'."""
    told = claims("admin", **wrong)
    with pytest.raises(Unauthenticated, match=reason):
        checked(WRITTEN[written](told))


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("audience", [CLIENT, [CLIENT], ["somebody-elses", CLIENT]])
def test_an_id_token_names_its_audience_in_another_place(written: str, audience: Any) -> None:
    told = claims("admin", client_id=None, aud=audience, token_use="id")
    assert caller_of(checked(WRITTEN[written](told))).role is Role.ADMIN


def test_a_gateway_that_kept_what_it_found_out_keeps_nobody_longer_than_the_token() -> None:
    told = WRITTEN["REST"](claims("admin"))
    assert checked(told, later_s=3500)
    with pytest.raises(Unauthenticated, match="expired"):
        checked(told, later_s=3700)


def test_without_an_authorizer_there_is_no_caller() -> None:
    with pytest.raises(Unauthenticated, match="no token"):
        checked(None)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": None},
        {"authorizer": {}},
        {"authorizer": "admin"},
        {"authorizer": {"custom:role": "admin", "sub": "x"}},
        {"authorizer": {"lambda": {"claims": {"sub": "x"}}}},
        {"authorizer": {"claims": "admin"}},
        {"authorizer": {"jwt": {"scopes": ["admin"]}}},
        {"identity": {"claims": {"sub": "x"}}},
    ],
)
def test_only_a_token_authorizer_makes_claims(context: Mapping[str, Any]) -> None:
    assert claims_in(context) is None
