"""Every fraud signal and every condition of approval rules is whole, from its file to its page."""

from tests.style.rules.gate import (
    CONDITIONS,
    SIGNALS,
    made,
    unlisted_conditions,
    unlisted_signals,
    unpaired_conditions,
    untold_signals,
)
from tests.style.rules.source import listing
from tests.style.rules.tree import project


def test_every_signal_is_in_the_table() -> None:
    assert not (found := unlisted_signals(project())), listing(found)


def test_every_signal_is_tested_and_on_the_page() -> None:
    assert not (found := untold_signals(project())), listing(found)


def test_every_condition_is_in_the_table() -> None:
    assert not (found := unlisted_conditions(project())), listing(found)


def test_every_condition_has_its_field_its_test_and_its_name_on_the_page() -> None:
    assert not (found := unpaired_conditions(project())), listing(found)


def test_the_rules_see_every_signal_and_every_condition() -> None:
    assert len(list(made(project(), SIGNALS, "Signal", "code"))) >= 20
    assert len(list(made(project(), CONDITIONS, "Condition", "field"))) >= 10
