"""Every endpoint is whole, from its use case to its page."""

from tests.style.rules.endpoints import (
    forgotten_groups,
    rows,
    unasked,
    undocumented,
    unnamed_functions,
    unpromised,
    unreached_usecases,
    without_function_on_aws,
    without_method,
)
from tests.style.rules.names import missing_names
from tests.style.rules.source import listing
from tests.style.rules.tree import Tree, project


def test_every_name_that_a_file_takes_from_another_is_there() -> None:
    assert not (found := missing_names(project())), listing(found)


def test_every_use_case_is_asked_for() -> None:
    assert not (found := unreached_usecases(project())), listing(found)


def test_every_function_of_an_operation_has_a_row() -> None:
    assert not (found := unnamed_functions(project())), listing(found)


def test_every_file_of_rows_is_in_the_table() -> None:
    assert not (found := forgotten_groups(project())), listing(found)


def test_every_row_is_promised_and_every_promise_has_a_row() -> None:
    assert not (found := unpromised(project())), listing(found)


def test_every_row_is_asked_for_by_a_test() -> None:
    assert not (found := unasked(project())), listing(found)


def test_every_row_has_a_method_of_the_client_or_a_reason_for_none() -> None:
    assert not (found := without_method(project())), listing(found)


def test_every_row_is_answered_by_a_function_on_aws() -> None:
    assert not (found := without_function_on_aws(project())), listing(found)


def test_every_row_is_on_the_generated_pages() -> None:
    assert not (found := undocumented(project())), listing(found)


def test_the_rules_see_every_row_of_the_table() -> None:
    found = {row.name: row.function for row in rows(project())}
    assert len(found) > 30
    assert found["holdPayment"] == "vendorpay.api.decisions.hold"


def test_a_file_of_rows_that_the_table_does_not_take_in_is_found() -> None:
    group = 'from x import y\n\nREPORTS: Final[tuple[Operation, ...]] = (Operation(name="listReports"),)\n'
    tree = Tree({**project().texts, "src/vendorpay/api/operations/reports.py": group})
    (found,) = forgotten_groups(tree)
    assert "REPORTS is not in OPERATIONS: add it to api/operations/__init__.py" in found
