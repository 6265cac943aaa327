"""Who may sit on which seat: the evaluator against a count of all ways to seat people."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.approval.building import AT, by, rule
from vendorpay.domain.approval import fits, standing
from vendorpay.domain.approval_rule import Effect, Escalation, Step
from vendorpay.domain.payment import Approval

PEOPLE = ("ann", "ben", "cem", "dot")
ADMIN, ANYBODY = Step(role="admin"), Step(role="dispatcher")

_named = st.sets(st.sampled_from(PEOPLE), min_size=1).map(sorted).map(tuple)
_steps = st.one_of(
    st.builds(Step, role=st.sampled_from(["dispatcher", "admin"]), quorum=st.integers(1, 2)),
    st.builds(Step, people=_named, quorum=st.just(1)),
)
_lists = st.lists(_steps, min_size=1, max_size=3)
_approvals = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(["dispatcher", "admin", "auditor"])).map(
    lambda roles: [by(person, role) for person, role in roles.items()]
)


def _lacking_by_all_ways(steps: list[Step], approvals: list[Approval]) -> int:
    """The fewest empty seats of all ways to put people on seats."""
    one = rule(steps)
    seats = [step for step in steps for _ in range(step.quorum)]
    empty = len(seats)
    for chosen in permutations([*approvals, *[None] * len(seats)], len(seats)):
        pairs = zip(seats, chosen, strict=True)
        filled = sum(person is not None and fits(step, person, one, None) for step, person in pairs)
        empty = min(empty, len(seats) - filled)
    return empty


@given(steps=st.lists(_steps, min_size=1, max_size=2), approvals=_approvals)
def test_open_is_what_stays_empty_in_the_best_seating(steps: list[Step], approvals: list[Approval]) -> None:
    assert standing(rule(steps), approvals, None).open == _lacking_by_all_ways(steps, approvals)


@given(steps=_lists, approvals=_approvals)
def test_the_order_of_approvals_never_matters(steps: list[Step], approvals: list[Approval]) -> None:
    forwards = standing(rule(steps), approvals, None)
    backwards = standing(rule(steps), approvals[::-1], None)
    assert forwards.open == backwards.open


@given(alternatives=st.lists(_lists, min_size=1, max_size=3), approvals=_approvals)
def test_another_approval_never_makes_more_lacking(alternatives: list[list[Step]], approvals: list[Approval]) -> None:
    one = rule(*alternatives)
    before = standing(one, approvals, None)
    after = standing(one, [*approvals, by("eve", "admin")], None)
    assert after.open <= before.open


@given(steps=_lists, approvals=_approvals)
def test_given_and_open_are_the_quorums(steps: list[Step], approvals: list[Approval]) -> None:
    found = standing(rule(steps), approvals, None)
    assert sum(step.given for step in found.steps) + found.open == sum(step.quorum for step in steps)
    assert all(0 <= step.given <= step.quorum for step in found.steps)


@pytest.mark.parametrize(
    ("approvals", "lacking"),
    [
        ([], 2),
        ([by("ann")], 1),
        ([by("ann"), by("ben")], 1),
        ([by("ann", "admin")], 1),
        ([by("ann"), by("ben", "admin")], 0),
        ([by("ann", "admin"), by("ben", "admin")], 0),
    ],
)
def test_two_people_one_of_them_admin(approvals: list[Approval], lacking: int) -> None:
    assert standing(rule([ADMIN, ANYBODY]), approvals, None).open == lacking


def test_one_alternative_is_enough_and_is_then_the_one_shown() -> None:
    either = rule([Step(role="dispatcher", quorum=2)], [ADMIN])
    assert standing(either, [by("ann")], None).open == 1
    done = standing(either, [by("ann", "admin")], None)
    assert (done.open, done.steps[0].role, done.others[0].open) == (0, "admin", 1)


def test_a_person_who_is_named_needs_no_role() -> None:
    named = rule([Step(people=("ann", "ben"), quorum=2)])
    assert standing(named, [by("ann", ""), by("eve", "admin")], None).open == 1
    assert standing(named, [by("ann", ""), by("ben")], None).open == 0


def test_nobody_satisfies_a_rule_that_denies() -> None:
    crowd = [by(person, "admin") for person in PEOPLE]
    assert standing(rule(effect=Effect.DENY), crowd, None).open == 1


def test_after_the_escalation_its_role_stands_in_but_not_with_what_was_said_before() -> None:
    named = rule([Step(people=("ann",))], escalation=Escalation(after_hours=4))
    later = AT + timedelta(hours=4)
    admin = by("eve", "admin", at=later)
    assert standing(named, [admin], None, None).open == 1
    assert standing(named, [admin], None, later).open == 0
    assert standing(named, [by("eve", "admin", at=AT)], None, later).open == 1
    assert standing(named, [by("cem", "dispatcher", at=later)], None, later).open == 1


def test_whoever_acts_for_another_counts_under_their_name() -> None:
    named = rule([Step(people=("ann",))])
    assert standing(named, [by("ben", on_behalf_of="ann")], None).open == 0
    assert standing(named, [by("ann", on_behalf_of="ben")], None).open == 1
