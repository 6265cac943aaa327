"""What a pass of the sequencer has seen, held against a model: sets of transactions instead of snapshots."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls

XIDS = range(3, 40)
ASK = """
SELECT array_agg(x) FILTER (WHERE pg_visible_in_snapshot(x::text::xid8, s.after)),
       array_agg(x) FILTER (WHERE x::text::xid8 = ANY (ended_since(%(seen)s::pg_snapshot, %(target)s::pg_snapshot)))
FROM (SELECT seen_after(%(seen)s::pg_snapshot, %(target)s::pg_snapshot, %(bound)s::text::xid8) AS after) s
CROSS JOIN generate_series(3, 39) AS x
"""


@dataclass(frozen=True)
class Moment:
    """A snapshot: every transaction before `end` has ended but those under way."""

    end: int
    under_way: frozenset[int]

    @property
    def text(self) -> str:
        first = min(self.under_way, default=self.end)
        return f"{first}:{self.end}:{','.join(map(str, sorted(self.under_way)))}"

    @property
    def ended(self) -> set[int]:
        return {xid for xid in XIDS if xid < self.end and xid not in self.under_way}


@st.composite
def two_moments(draw: st.DrawFn) -> tuple[Moment, Moment]:
    """One moment and a later one: what had ended stays so, what was under way may have ended."""
    end = draw(st.integers(XIDS.start, XIDS.stop - 1))
    under_way = draw(st.frozensets(st.integers(XIDS.start, end - 1))) if end > XIDS.start else frozenset()
    later = draw(st.integers(end, XIDS.stop - 1))
    still = draw(st.frozensets(st.sampled_from(sorted(under_way)))) if under_way else frozenset()
    begun = draw(st.frozensets(st.integers(end, later - 1))) if later > end else frozenset()
    return Moment(end, under_way), Moment(later, still | begun)


@pytest.fixture(scope="module")
def connection(module_database_urls: DatabaseUrls) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(module_database_urls.owner, autocommit=True) as opened:
        yield opened


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(moments=two_moments())
def test_after_a_pass_is_seen_what_was_seen_and_what_it_took(
    moments: tuple[Moment, Moment], connection: Connection[TupleRow]
) -> None:
    seen, target = moments
    unseen = sorted(target.ended - seen.ended)
    for bound in (None, *unseen):
        row = connection.execute(ASK.encode(), {"seen": seen.text, "target": target.text, "bound": bound}).fetchone()
        assert row is not None
        taken = {xid for xid in unseen if bound is None or xid < bound}
        assert set(row[0] or ()) == seen.ended | taken
        assert set(row[1] or ()) == seen.under_way & target.ended


def test_passes_one_transaction_at_a_time_reach_the_end_and_take_each_once(connection: Connection[TupleRow]) -> None:
    """Two long transactions end last, before many that were seen long ago: these are not gone through again."""
    seen, target = Moment(30, frozenset({4, 6})), Moment(36, frozenset({33}))
    text = seen.text
    taken: list[int] = []
    for bound in (6, 30, 31, 32, 34, 35, None):
        row = connection.execute(ASK.encode(), {"seen": text, "target": target.text, "bound": bound}).fetchone()
        assert row is not None
        before = set(taken)
        taken += sorted(set(row[0]) - seen.ended - before)
        after = connection.execute(
            "SELECT seen_after(%s::pg_snapshot, %s::pg_snapshot, %s::text::xid8)::text", [text, target.text, bound]
        ).fetchone()
        assert after is not None
        text = after[0]
    assert taken == [4, 6, 30, 31, 32, 34, 35]
    assert text == target.text
