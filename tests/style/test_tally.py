"""A soak that runs all fuzzers fails when they sent next to nothing."""

from pathlib import Path

from tests.tally import FUZZED_MIN, FUZZERS, Promise

ALL = [Path("/somewhere/tests") / place for place in FUZZERS]


def test_all_fuzzers_together_promise_a_number_of_requests() -> None:
    assert {"fuzz/test_mutated_requests.py", "fuzz/test_linked_operations.py"} < FUZZERS
    run = Promise()
    run.made_by([*ALL, Path("/somewhere/tests/api/test_edge.py")])
    assert run.broken(FUZZED_MIN) is None
    assert run.broken(FUZZED_MIN - 1) is not None


def test_some_of_them_promise_nothing() -> None:
    without_a_file, without_a_test = Promise(), Promise()
    without_a_file.made_by(ALL[1:])
    without_a_test.left_out(ALL[:1])
    without_a_test.made_by(ALL)
    assert without_a_file.broken(0) is without_a_test.broken(0) is None


def test_a_test_of_another_folder_may_be_left_out() -> None:
    run = Promise()
    run.left_out([Path("/somewhere/tests/api/test_edge.py")])
    run.made_by(ALL)
    assert run.broken(0) is not None
