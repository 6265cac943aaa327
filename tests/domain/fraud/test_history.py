"""The history in memory gives the windows that their definition gives, whatever the order in which rows come."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.fraud.rows import START, a_row
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.windows import (
    ORG_ROWS_MAX,
    PEER_ROWS_MAX,
    PERSON_ROWS_MAX,
    TWIN_ROWS_MAX,
    VENDOR_AHEAD,
    VENDOR_ROWS_MAX,
    Company,
    Windows,
    day_counts,
    measures_of,
    peers_of,
    steps_of,
)
from vendorpay.domain.fraud_history import History

VENDORS = [UUID(int=number) for number in range(1, 4)]
SHAPES = st.tuples(
    st.integers(-40 * 24, 40 * 24),
    st.sampled_from(VENDORS),
    st.sampled_from(["USD", "EUR"]),
    st.sampled_from(["towing", "lockout", None]),
    st.integers(1, 5),
    st.sampled_from([None, "ada", "ben"]),
    st.sampled_from([None, 0, 30]),
)


def row_of(number: int, shape: tuple[int, UUID, str, str | None, int, str | None, int | None]) -> FraudRow:
    hours, vendor, currency, service, incident, person, minutes = shape
    return a_row(
        number,
        START + timedelta(hours=hours),
        vendor_id=vendor,
        currency=currency,
        service_type=service,
        incident_id=UUID(int=incident),
        created_by=person,
        duration_min=minutes,
        amount_cents=1_000 + 7 * hours % 5_000,
    )


def by_definition(known: list[FraudRow], row: FraudRow) -> Windows:
    """The windows as windows.py says them, without a thought for speed."""
    t = row.occurred_at
    newest = sorted(known, key=lambda one: (one.occurred_at, one.payment_id), reverse=True)
    before = [one for one in newest if one.occurred_at <= t]
    of_vendor = [one for one in newest if one.vendor_id == row.vendor_id]
    peers = [one for one in before if (one.service_type, one.currency) == (row.service_type, row.currency)]
    org = before[:ORG_ROWS_MAX]
    others = [one.vendor_id for one in org if one.vendor_id != row.vendor_id]
    theirs = [one.vendor_id for one in before if one.created_by == row.created_by][:PERSON_ROWS_MAX]
    times = [one.occurred_at for one in of_vendor if one.occurred_at <= t]
    return Windows(
        vendor_rows=tuple([one for one in of_vendor if one.occurred_at < t + VENDOR_AHEAD][:VENDOR_ROWS_MAX]),
        vendor_first_at=min((one.occurred_at for one in of_vendor), default=None),
        vendor_days=day_counts(steps_of(times, t)) if of_vendor else (),
        incident_rows=tuple([one for one in newest if one.incident_id == row.incident_id][:TWIN_ROWS_MAX]),
        peers=peers_of(measures_of(one) for one in peers[:PEER_ROWS_MAX]) if peers else Windows().peers,
        org_first_at=min((one.occurred_at for one in known), default=None),
        org_vendor_counts=tuple(sorted((others.count(vendor) for vendor in set(others)), reverse=True)),
        org_oldest_at=org[-1].occurred_at if org else None,
        creator=None
        if row.created_by is None
        else Company(rows=len(theirs), with_vendor=theirs.count(row.vendor_id), vendors=len(set(theirs))),
    )


def same(found: Windows, wanted: Windows) -> None:
    for name in Windows.__struct_fields__:
        one, other = getattr(found, name), getattr(wanted, name)
        if name == "peers":
            one, other = ([list(getattr(side, field)) for field in side.__struct_fields__] for side in (one, other))
        assert one == other, name


@settings(max_examples=40, deadline=None)
@given(st.lists(SHAPES, max_size=40), SHAPES, st.booleans())
def test_windows_are_what_their_definition_says(
    shapes: list[tuple[int, UUID, str, str | None, int, str | None, int | None]],
    last: tuple[int, UUID, str, str | None, int, str | None, int | None],
    in_order: bool,
) -> None:
    shapes = sorted(shapes, key=lambda shape: shape[0]) if in_order else shapes
    rows = [row_of(number, shape) for number, shape in enumerate(shapes, start=1)]
    history = History()
    for number, row in enumerate(rows):
        same(history.windows(row), by_definition(rows[:number], row))
        history.record(row)
    row = row_of(len(rows) + 1, last)
    same(history.windows(row), by_definition(rows, row))


def test_windows_stay_bounded_however_long_the_history_is() -> None:
    history, known = History(), []
    for number in range(1, 1_300):
        row = a_row(number, START + timedelta(minutes=number), vendor_id=VENDORS[number % 3], created_by="ada")
        history.record(row)
        known.append(row)
    row = a_row(2_000, START + timedelta(days=2), vendor_id=VENDORS[0], created_by="ada")
    same(history.windows(row), by_definition(known, row))
    found = history.windows(row)
    assert (len(found.vendor_rows), len(found.peers.amounts_cents)) == (VENDOR_ROWS_MAX, PEER_ROWS_MAX)
    assert found.creator is not None
    assert found.creator.rows == PERSON_ROWS_MAX
