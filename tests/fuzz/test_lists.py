"""Lists, whatever their pages, filters and moments: each row once, in order, and just those that fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.api.test_dead_letters import dead
from tests.fuzz.conftest import Desk
from tests.scenarios.books import rows
from tests.usecases.world import SOAK, rounds

VENDOR = str(uuid4())
VENDORS = [VENDOR, str(uuid4()), str(uuid4())]
REFERENCES = ["", "A", "a", "\u00e9", "e\u0301", "%", "100%", "a&b=c", "\U0001f4b8", "x" * 64]
AMOUNTS = [1, 2, 99_999, 10**12, 10**13 - 1, 10**13]
PAGES_MAX = 200
# To find a smaller case of what each run makes anew takes minutes.
few = settings(max_examples=rounds(6, 300), phases=[Phase.generate])

Row = dict[str, Any]


def bill(**fields: Any) -> bytes:
    """A payment to be created, of one line or of as many as its amount needs."""
    amount = fields.pop("amountCents", 100)
    whole, rest = divmod(amount, 10)
    lines = [(10, whole), (1, rest)] if whole else [(1, rest)]
    return msgspec.json.encode(
        {
            "incidentId": str(uuid4()),
            "vendorId": VENDOR,
            "payerType": "back_office",
            "amountCents": amount,
            "lineItems": [{"description": "x", "quantity": n, "unitPriceCents": price} for n, price in lines],
            **fields,
        }
    )


def create(desk: Desk, **fields: Any) -> str:
    answer = desk.ask("POST", "/payments", bill(**fields))
    assert answer.status == 201, answer
    return str(answer.json["paymentId"])


def reject_event(desk: Desk) -> str:
    """An event that nobody understands, which waits in quarantine."""
    answer = desk.ask("POST", "/events", msgspec.json.encode({"id": str(uuid4()), "detail-type": "Nothing"}))
    assert answer.json["results"][0]["result"] == "rejected"
    listed = desk.ask("GET", "/events/quarantine", limit=200)
    return str(max(each["quarantineId"] for each in listed.json["quarantined"]))


def bury(desk: Desk) -> str:
    """A delivery that was given up."""
    return str(dead(desk.urls, org_id=desk.org))


def number(desk: Desk) -> None:
    """Passes of the sequencer, until every event has its position."""
    with psycopg.connect(desk.urls.app, autocommit=True) as connection:
        while connection.execute("SELECT outcome FROM number_stream('feed', 1000, NULL)").fetchone() != ("done",):
            pass


def deliver(desk: Desk) -> str:
    """An event in line for the endpoint."""
    create(desk)
    number(desk)
    # Dead letters are a consumer's of our own, which is sent every event too.
    newest = """SELECT max(d.delivery_id::text) AS id FROM deliveries d
        JOIN webhook_endpoints e ON e.endpoint_id = d.subscription_id WHERE d.org_id = %(org)s"""
    return str(rows(desk.urls.superuser, newest, org=desk.org)[0]["id"])


def deliveries_of_an_endpoint(desk: Desk) -> str:
    new = b'{"url":"https://receiver.example/","eventTypes":["PaymentCreated"]}'
    answer = desk.ask("POST", "/webhook-endpoints", new)
    return f"/webhook-endpoints/{answer.json['endpointId']}/deliveries"


class Listed(NamedTuple):
    """A list: its path, the field and the id of its rows, how one comes in, and where new ones are shown."""

    path: Callable[[Desk], str]
    field: str
    key: str
    add: Callable[[Desk], str]
    newest_first: bool = False


LISTS = {
    "payments": Listed(lambda _: "/payments", "payments", "paymentId", create, True),
    "pending": Listed(lambda _: "/payments/pending", "payments", "paymentId", create),
    "quarantine": Listed(lambda _: "/events/quarantine", "quarantined", "quarantineId", reject_event),
    "of a vendor": Listed(lambda _: f"/vendors/{VENDOR}/payments", "payments", "paymentId", create, True),
    "dead letters": Listed(lambda _: "/events/dead-letters", "deadLetters", "deliveryId", bury),
    "deliveries": Listed(deliveries_of_an_endpoint, "deliveries", "deliveryId", deliver, True),
}
QUICK = ("payments", "pending", "quarantine")


@pytest.mark.parametrize("name", LISTS if SOAK else QUICK)
def test_fault_77_a_list_shows_each_row_once_whatever_comes_in_and_however_long_a_page_is(
    desk: Desk, name: str
) -> None:
    find_path, field, key, add, newest_first = LISTS[name]

    @few
    @given(there=st.integers(0, 9), steps=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2)), min_size=1))
    def walk(there: int, steps: list[tuple[int, int]]) -> None:
        office = desk.fresh()
        path = find_path(office)
        made = [add(office) for _ in range(there)]
        at_first = list(made)
        seen: list[str] = []
        query: Row = {}
        for turn in range(PAGES_MAX):
            limit, more = steps[turn % len(steps)]
            page = office.ask("GET", path, limit=limit, **query).json
            assert len(page[field]) <= limit
            seen += [each[key] for each in page[field]]
            cursor = page.get("pagination", page)["nextCursor"]
            if cursor is None:
                break
            query = {"cursor": cursor}
            made += [add(office) for _ in range(more if len(made) < there + 9 else 0)]
        assert len(seen) == len(set(seen))
        assert [each for each in seen if each in at_first] == sorted(at_first, reverse=newest_first)
        assert seen == sorted(seen, reverse=newest_first)
        if newest_first:
            assert seen == at_first[::-1]

    walk()


@few
@given(there=st.integers(0, 9), steps=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2)), min_size=1))
def test_the_feed_shows_each_event_once_whatever_comes_in_and_however_long_a_page_is(
    desk: Desk, there: int, steps: list[tuple[int, int]]
) -> None:
    office = desk.fresh()
    made = [create(office) for _ in range(there)]
    number(desk)
    seen: list[str] = []
    position = 0
    for turn in range(PAGES_MAX):
        limit, more = steps[turn % len(steps)]
        page = office.ask("GET", "/events", after=position, limit=limit).json
        assert [each["position"] for each in page["events"]] == [*range(position + 1, page["position"] + 1)]
        seen += [each["detail"]["paymentId"] for each in page["events"]]
        if not page["events"]:
            break
        position = page["position"]
        made += [create(office) for _ in range(more if len(made) < there + 9 else 0)]
        number(desk)
    assert seen == made


@few
@given(data=st.data())
def test_a_cursor_that_was_changed_in_any_way_is_refused_by_name(desk: Desk, data: st.DataObject) -> None:
    office = desk.fresh()
    for _ in range(2):
        create(office)
    cursor = office.ask("GET", "/payments", limit=1).json["nextCursor"]
    at = data.draw(st.integers(0, len(cursor) - 1))
    changed = data.draw(
        st.one_of(
            st.text(max_size=40),
            st.text("ABab01-_=.~", max_size=40),
            st.sampled_from("ABCDEFGHabcdefgh0123-_=.~").map(lambda one: cursor[:at] + one + cursor[at + 1 :]),
            st.just(cursor[:at]),
            st.just(cursor + cursor[at]),
        ).filter(lambda text: text != cursor and not any("\ud800" <= each <= "\udfff" for each in text))
    )
    answer = office.ask("GET", "/payments", limit=1, cursor=changed)
    assert (answer.status, answer.code, [*answer.faults]) == (400, "invalid_request", ["cursor"])


@pytest.fixture(scope="module")
def filed(desk: Desk) -> tuple[Desk, list[Row]]:
    """An office with payments of every kind, as it shows them one by one."""
    office = desk.fresh()
    ids = []
    for nth in range(24):
        payer = {"payerType": "driver_ic", "payerId": str(uuid4())} if nth % 5 == 4 else {}
        ids.append(
            create(
                office,
                vendorId=VENDORS[nth % 3],
                reference=REFERENCES[nth % len(REFERENCES)],
                amountCents=AMOUNTS[nth % len(AMOUNTS)],
                **payer,
            )
        )
        if nth % 4 == 1:
            office.ask("POST", f"/payments/{ids[-1]}/approve", role="dispatcher", sub="two")
        elif nth % 4 == 2:
            office.ask("POST", f"/payments/{ids[-1]}/reject", b'{"reason":"x"}', role="dispatcher", sub="two")
    return office, [office.ask("GET", f"/payments/{each}").json for each in ids]


def moments(payments: list[Row]) -> st.SearchStrategy[datetime]:
    """At, just before and just after a payment, or far away, each told in some zone."""
    near = st.builds(
        lambda row, off: datetime.fromisoformat(row["createdAt"]) + off,
        st.sampled_from(payments),
        st.sampled_from([timedelta(microseconds=n) for n in (-1000, -999, -1, 0, 1, 999, 1000)]),
    )
    far = st.sampled_from([datetime(1970, 1, 2, tzinfo=UTC), datetime(9998, 12, 30, tzinfo=UTC)])
    zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    return st.builds(lambda moment, zone: moment.astimezone(zone), st.one_of(near, near, far), zones)


FITS: dict[str, Callable[[Row, Any], bool]] = {
    "vendorId": lambda row, asked: row["vendorId"] == asked,
    "incidentId": lambda row, asked: row["incidentId"] == asked,
    "status": lambda row, asked: row["status"] == asked,
    "payerType": lambda row, asked: row["payerType"] == asked,
    "reference": lambda row, asked: row["reference"] == asked,
    "minAmountCents": lambda row, asked: row["amountCents"] >= asked,
    "maxAmountCents": lambda row, asked: row["amountCents"] <= asked,
    "createdFrom": lambda row, asked: datetime.fromisoformat(row["createdAt"]) >= asked,
    "createdTo": lambda row, asked: datetime.fromisoformat(row["createdAt"]) < asked,
}


@settings(max_examples=rounds(25, 3_000))
@given(data=st.data())
def test_filters_find_what_a_look_at_every_payment_finds(filed: tuple[Desk, list[Row]], data: st.DataObject) -> None:
    office, payments = filed
    values: dict[str, st.SearchStrategy[Any]] = {
        "vendorId": st.sampled_from([*VENDORS, str(uuid4())]),
        "incidentId": st.sampled_from([row["incidentId"] for row in payments]),
        "status": st.sampled_from(["pending_approval", "approved", "rejected", "cancelled"]),
        "payerType": st.sampled_from(["back_office", "driver_ic"]),
        "reference": st.sampled_from(REFERENCES),
        "minAmountCents": st.sampled_from([0, *AMOUNTS]),
        "maxAmountCents": st.sampled_from([0, *AMOUNTS]),
        "createdFrom": moments(payments),
        "createdTo": moments(payments),
    }
    asked = data.draw(st.fixed_dictionaries({}, optional=values))
    query: Row = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}
    answer = office.ask("GET", "/payments", limit=200, **query)
    assert answer.status == 200, (query, answer)
    expected = [row for row in payments if all(FITS[name](row, value) for name, value in asked.items())]
    assert answer.json["payments"] == expected[::-1]


@pytest.mark.parametrize(
    "moment",
    [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2026-02-29T00:00:00Z"),
        *("2026-01-01T24:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "1e9", "2026-01-01T00:00:00+25:00"),
        *("0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-W01-1T00:00:00Z"),
    ],
)
def test_a_moment_that_there_is_not_is_refused_by_name(desk: Desk, moment: str) -> None:
    answer = desk.ask("GET", "/payments", createdFrom=moment, createdTo=moment)
    assert (answer.status, [*answer.faults]) == (400, ["createdFrom", "createdTo"])
