"""Each caller has a limit of his own for each class of operation; who is over it is told when to come back."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from io import BytesIO
from typing import Any, Final
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.asking import Answered, Caller, Desk, opened
from vendorpay import metrics
from vendorpay.adapters.local_issuer import LocalIssuer
from vendorpay.api import examples, openapi
from vendorpay.api.errors import RateLimited
from vendorpay.api.operation import Operation
from vendorpay.api.operations import OPERATIONS
from vendorpay.api.rate_limits import SHARED_MAX, Buckets, RateLimits
from vendorpay.domain.rate_limits import LIMITED, RateClass, parsed
from vendorpay.domain.roles import Caller as Somebody
from vendorpay.domain.roles import Permission, Role
from vendorpay.domain.token_bucket import NS_PER_S, Limit, take
from vendorpay.entrypoints import handoff, wiring
from vendorpay.settings import Settings

LIMITS: Final = "write=2/min,sensitive=1/min"
APPROVE: Final = f"/payments/{examples.PAYMENT_ID}/approve"


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * NS_PER_S

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def limited(issuer: LocalIssuer, desk: Desk, clock: Clock) -> Caller:
    return await opened(issuer, desk, limits=RateLimits(parsed(LIMITS), monotonic_ns=clock))


async def create(caller: Caller, **who: Any) -> Answered:
    return await caller.ask("POST", "/payments", **{"body": examples.NEW_PAYMENT, **who})


@pytest.mark.anyio
async def test_who_is_at_his_limit_waits_and_nobody_else_does(limited: Caller, clock: Clock) -> None:
    """Origin 64: the limit was one for all callers together, sixty times what was documented, without Retry-After."""
    assert [(await create(limited)).status for _ in range(3)] == [201, 201, 429]
    refused = await create(limited, claims={"ttl": timedelta(hours=2)})  # another token makes nobody somebody else
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "30"
    assert refused.json["detail"].startswith("You have used up your write requests for now")
    assert (await create(limited, sub=str(uuid4()))).status == 201  # somebody else of the same organisation
    assert (await create(limited, claims={"org": "another"})).status == 201
    clock.now_ns += 30 * NS_PER_S - 1
    assert (await create(limited)).headers["retry-after"] == "1"
    clock.now_ns += 1
    assert [(await create(limited)).status for _ in range(2)] == [201, 429]


@pytest.mark.anyio
async def test_classes_have_limits_of_their_own_and_one_without_has_none(limited: Caller) -> None:
    assert [(await create(limited)).status for _ in range(3)] == [201, 201, 429]
    assert [(await limited.ask("POST", APPROVE)).status for _ in range(2)] == [200, 429]
    many = {"paymentIds": [examples.PAYMENT_ID]}
    for _ in range(5):
        assert (await limited.ask("POST", "/payments/approvals", body=many)).status == 200
        assert (await limited.ask("GET", "/openapi.json", role=None)).status == 200


@pytest.mark.anyio
async def test_a_request_too_many_is_refused_before_its_body_is_read(limited: Caller, desk: Desk) -> None:
    for _ in range(2):
        await create(limited)
    limited.reads = 0
    answer = await limited.ask("POST", "/payments", chunks=[b"no JSON"], headers={"content-length": "9" * 9})
    assert (answer.code, limited.reads, len(desk.taken)) == ("rate_limited", 0, 2)


@pytest.mark.anyio
async def test_who_may_not_is_told_so_however_often_and_it_costs_him_nothing(limited: Caller) -> None:
    for _ in range(4):
        assert (await create(limited, role=None)).status == 401
        assert (await create(limited, role="auditor")).status == 403
    assert (await create(limited)).status == 201


@pytest.mark.anyio
async def test_wrong_requests_and_repeated_ones_are_counted(limited: Caller) -> None:
    key = {"Idempotency-Key": "the same"}
    assert (await create(limited, headers=key)).status == 201
    assert (await create(limited, body={})).status == 400
    assert (await create(limited, headers=key)).status == 429


@pytest.mark.anyio
async def test_refusals_are_counted_by_class_for_the_operator(limited: Caller) -> None:
    def counted() -> int:
        told = metrics.exposition({}).decode().splitlines()
        line = next((line for line in told if line.startswith('vendorpay_rate_limited_total{rate_class="write"}')), "0")
        return int(float(line.split()[-1]))

    before = counted()
    for _ in range(5):
        await create(limited)
    assert counted() - before == 3


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_operation_has_a_limit_if_it_has_a_caller_and_documents_it(operation: Operation) -> None:
    document = msgspec.json.decode(openapi.encoded([operation]))
    responses = document["paths"][operation.path][operation.method.lower()]["responses"]
    if operation.permission is None:
        assert operation.rate_class is RateClass.PUBLIC
        assert "429" not in responses
        return
    assert operation.rate_class in LIMITED
    assert (operation.rate_class is RateClass.READ) == (operation.method == "GET")
    assert "Retry-After" in responses["429"]["headers"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_decisions_are_sensitive_and_many_at_once_are_bulk(operation: Operation) -> None:
    many = operation.path in {"/payments/bulk", "/payments/approvals", "/events"} and operation.method == "POST"
    decides = operation.permission in {Permission.PAYMENT_APPROVE, Permission.PAYMENT_CANCEL} and not many
    assert (operation.rate_class is RateClass.BULK) == many
    assert operation.rate_class is RateClass.SENSITIVE or not decides


# --- the table of buckets ------------------------------------------------------------------------------------

LONG = settings(max_examples=min(settings().max_examples, 1_000))
CROWD = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3 * NS_PER_S)), max_size=120)


@LONG
@given(CROWD, st.integers(1, 4), st.integers(1, 3))
def test_nobody_has_more_than_his_limit_in_any_crowd_and_the_table_is_bounded(
    crowd: list[tuple[int, int]], places: int, burst: int
) -> None:
    """Every caller is held against an exact bucket of his own: what the table admits, that one admits as well."""
    limit = Limit.of(1, 1, burst)
    table, now_ns = Buckets(limit, principals_max=places), 0
    exact: dict[int, int] = defaultdict(int)
    for who, pause_ns in crowd:
        now_ns += pause_ns
        if table.take(("org", str(who)), now_ns) == 0:
            exact[who], wait_ns = take(limit, exact[who], now_ns)
            assert wait_ns == 0
        assert len(table) <= places + SHARED_MAX


@LONG
@given(CROWD, st.integers(1, 3))
def test_as_long_as_there_is_room_everybody_has_his_whole_limit(crowd: list[tuple[int, int]], burst: int) -> None:
    limit = Limit.of(1, 1, burst)
    table, now_ns = Buckets(limit), 0
    exact: dict[int, int] = defaultdict(int)
    for who, pause_ns in crowd:
        now_ns += pause_ns
        exact[who], wait_ns = take(limit, exact[who], now_ns)
        assert table.take(("org", str(who)), now_ns) == wait_ns


def test_a_crowd_pushes_no_bucket_out_and_shares_what_is_left() -> None:
    places = 50
    table = Buckets(Limit.of(1, 60, 1), principals_max=places)
    assert [table.take(("org", "loop"), 0) == 0 for _ in range(2)] == [True, False]
    admitted = sum(table.take(("org", f"crowd-{number}"), 0) == 0 for number in range(20_000))
    assert table.take(("org", "loop"), 0) > 0
    assert admitted <= places - 1 + SHARED_MAX
    assert len(table) <= places + SHARED_MAX


def test_who_gets_a_place_after_he_shared_has_no_new_bucket() -> None:
    table = Buckets(Limit.of(1, 1, 2), principals_max=1)
    assert table.take(("org", "first"), 0) == 0
    assert [table.take(("org", "second"), NS_PER_S - 1) for _ in range(2)] == [0, 0]
    assert table.take(("org", "second"), NS_PER_S) == NS_PER_S - 1  # the first one's bucket is full, its place free
    assert table.take(("org", "third"), NS_PER_S) == 0


def test_places_are_given_up_when_their_buckets_are_full_so_that_few_ever_share() -> None:
    places = 20
    table = Buckets(Limit.of(1, 1, 1), principals_max=places)
    for second in range(50):
        for number in range(places // 2):
            assert table.take(("org", f"{second}-{number}"), second * NS_PER_S) == 0
            assert len(table) <= places  # nobody shares: that would be beside all places


# --- from the setting to the process -------------------------------------------------------------------------


def of_process(environ: dict[str, str]) -> RateLimits | None:
    """What a serving process makes of the settings that `serve` hands to it."""
    line = handoff.made(Settings.read(environ), database_url="", socket=0, memory=0, number=1)
    return wiring.rate_limits(handoff.taken(BytesIO(line)))


def test_each_of_several_processes_allows_its_part() -> None:
    assert of_process({"VENDORPAY_WORKERS": "4"}) is None
    limits = of_process({"VENDORPAY_WORKERS": "4", "VENDORPAY_RATE_LIMITS": "write=8/h"})
    assert limits is not None
    somebody = Somebody(sub="somebody", role=Role.ADMIN, org_id="default")
    for _ in range(2):
        limits.admit(somebody, RateClass.WRITE)
    with pytest.raises(RateLimited) as refused:
        limits.admit(somebody, RateClass.WRITE)
    assert 1790 < refused.value.retry_after_s <= 1800  # 8 an hour are 2 an hour in each of 4
    limits.admit(somebody, RateClass.READ)
