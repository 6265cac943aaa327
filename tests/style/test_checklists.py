"""CONTRIBUTING.md's checklists for an endpoint, an event, a fraud signal and a condition of approval rules are whole:
ready patches follow them step by step, what comes of it works, and whoever forgets a step is told by the style tests
what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Final

import pytest

from tests.database import DatabaseUrls
from tests.faults.dying import SOAK
from tests.style.patched_copy import Copy
from tests.style.rules import endpoints, events, gate
from tests.style.rules.docs import missing_docstrings
from tests.style.rules.names import missing_names
from tests.style.rules.patches import DoesNotFit, Patch
from tests.style.rules.source import ROOT, listing
from tests.style.rules.tree import Tree, project

FOLDER: Final = Path(__file__).parent / "checklists"
STEPS: Final = {
    step.name: step
    for kind in ("endpoint", "event", "signal", "condition")
    for step in (Patch.read(file) for file in sorted((FOLDER / kind).iterdir()))
}
DOCS: Final = ("-m", "vendorpay.entrypoints.docs")
SAYING: Final = ("tests/style/test_endpoints.py", "tests/style/test_events.py", "tests/style/test_gate.py")
PAGES: Final = ("docs/openapi.json", "docs/permissions.md", "docs/events/PaymentReminded.json")
MODULE: Final = "vendorpay.usecases.remind_payment"
POST: Final = "POST /payments/{id}/remind"

RULES: Final[tuple[Callable[[Tree], list[str]], ...]] = (
    missing_names,
    endpoints.unreached_usecases,
    endpoints.unnamed_functions,
    endpoints.forgotten_groups,
    endpoints.unpromised,
    endpoints.unasked,
    endpoints.without_method,
    endpoints.without_function_on_aws,
    endpoints.undocumented,
    events.uncaused,
    events.untested,
    events.without_page,
    events.with_free_text,
    gate.unlisted_signals,
    gate.untold_signals,
    gate.unlisted_conditions,
    gate.unpaired_conditions,
    lambda tree: [finding for source in tree.package for finding in missing_docstrings(source)],
)
TOLD: Final = {
    "endpoint/1_use_case": (f"there is no module {MODULE}: a use case is one file in usecases/, named by its verb",),
    "endpoint/2_function": (
        "there is no remind in vendorpay.api.decisions: what an operation does is one function in api/: parse",
        "usecases/remind_payment.py:1: nothing asks for this use case: call it from a function in api/",
    ),
    "endpoint/3_row": (
        "remind: no row names it: add one in api/operations/, with its permission, errors and examples",
        f"{POST} is promised, and no row of api/operations/ answers it: add the row",
        "entrypoints/aws/functions.py: remindPayment is answered by a function, and is no operation: take it out, or",
    ),
    "endpoint/4_promise": (f"{POST}: PROMISED of tests/api/test_operations.py lacks it: add it with its permission",),
    "endpoint/5_test": (f"{POST}: no test asks for it: write one in tests/api/",),
    "endpoint/6_client": (f"{POST}: vendorpay.client has no method for it: write one in client/, or say why not in",),
    "endpoint/7_function_on_aws": (
        f"{POST}: no function answers it on AWS: name remindPayment in a row of entrypoints/aws/functions.py",
    ),
    "event/1_struct": (
        "there is no PaymentReminded in vendorpay.domain.events: an event about a payment is one struct in",
    ),
    "event/2_draft": ("PaymentReminded: no use case causes it: put an EventDraft of it in the PaymentChange",),
    "event/3_test": ("PaymentReminded: no test names it: write one that finds it in the feed",),
    "signal/1_signal": ("there is no module vendorpay.domain.fraud_signals.velocity_1h",),
    "signal/2_table": ("VELOCITY_1H is not in SIGNALS: add it to domain/fraud_signals/__init__.py",),
    "signal/3_test": ("velocity_1h: tests/domain/fraud/test_signals.py lacks it: say where it speaks and where it is",),
    "signal/4_page": ("velocity_1h: docs/fraud.md lacks it: add its line to the table",),
    "condition/1_condition": (
        "there is no module vendorpay.domain.approval_rules.except_vendor",
        "except_vendors is no condition: add its file to domain/approval_rules/",
    ),
    "condition/2_table": ("EXCEPT is not in RULES: add it to domain/approval_rules/__init__.py",),
    "condition/3_field": ("except_vendors: add it to When in domain/policy_document.py",),
    "condition/4_test": ("except_vendors: tests/domain/approval/test_policy.py lacks it: add a row to CONDITIONS",),
    "condition/5_client": ("except_vendors: add it to When in client/policy_values.py",),
    "condition/6_page": ("except_vendors: docs/approvals.md lacks exceptVendors: say what it asks for",),
    "docs": (
        f"{POST}: docs/openapi.json and docs/permissions.md do not tell of it: run `make docs` and commit",
        "PaymentReminded: docs/events/ has no page of it: run `make docs` and commit what it writes",
    ),
}
"""What is said when a step is left out, in full: each of these, and nothing else."""
SPEAKING: Final = """
from tests.domain.approval import test_policy
from tests.domain.fraud import test_signals

test_signals.test_twenty_jobs_within_an_hour_are_told_and_two_are_not()
(row,) = [row for row in test_policy.CONDITIONS if "exceptVendors" in row[0]]
test_policy.test_a_condition_is_met_or_not(*row)
test_policy.test_each_condition_is_a_field_and_each_field_a_condition()
"""
"""Runs, in a copy, what the checklists of a signal and a condition made."""


def patched(*, without: str = "") -> Tree:
    """The project after the steps but one; what is left out of the endpoint is left out before there is an event."""
    early = without.startswith("endpoint/")
    steps = [step for name, step in STEPS.items() if name != without and not (early and name.startswith("event/"))]
    return reduce(lambda tree, step: step.applied(tree), steps, project())


def findings(tree: Tree) -> Iterator[str]:
    """What the style tests say."""
    for rule in RULES:
        yield from rule(tree)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The project with every step done, `make docs` included."""
    copy = Copy(tmp_path_factory.mktemp("project"), patched())
    assert copy.python(*DOCS, "--write", "--without-schema") == (0, "")
    return copy


def documented(tree: Tree, copy: Copy) -> Tree:
    """The tree with the generated pages of the whole."""
    pages = {path: text for path, text in copy.tree().texts.items() if path in PAGES}
    return Tree({**tree.texts, **pages})


def test_every_step_has_something_that_is_said_when_it_is_left_out() -> None:
    assert TOLD.keys() == STEPS.keys() | {"docs"}


def test_whoever_follows_the_checklists_hears_nothing(copy: Copy) -> None:
    found = list(findings(documented(patched(), copy)))
    assert not found, listing(found)


@pytest.mark.parametrize("step", TOLD)
def test_whoever_forgets_a_step_is_told_what_to_do(copy: Copy, step: str) -> None:
    tree = patched(without=step)
    found = list(findings(tree if step == "docs" else documented(tree, copy)))
    for words in TOLD[step]:
        assert [finding for finding in found if words in finding], (words, found)
    assert [finding for finding in found if not any(words in finding for words in TOLD[step])] == []


def test_the_endpoint_answers_and_its_event_is_in_the_feed(copy: Copy, database_urls: DatabaseUrls) -> None:
    code, said = copy.python("-m", "tests.style.asking_a_copy", database_urls.app)
    assert (code, said) == (0, "1 passed\n"), said


def test_the_signal_speaks_and_the_condition_is_met_or_not(copy: Copy) -> None:
    assert copy.python("-c", SPEAKING) == (0, "")


@pytest.mark.skipif(not SOAK, reason="a copy and a pytest for each step: make soak")
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_the_style_tests_as_they_are_run_say_it_too(tmp_path: Path, copy: Copy, step: Patch) -> None:
    other = Copy(tmp_path, documented(patched(without=step.name), copy))
    code, said = other.python("-m", "pytest", "-p", "no:cacheprovider", *SAYING)
    assert code == 1, said
    assert all(words in said for words in TOLD[step.name]), said


@pytest.mark.skipif(not SOAK, reason="the schema's page needs a database of its own: make soak")
def test_after_all_steps_the_project_is_clean_as_it_is_checked(copy: Copy) -> None:
    code, said = copy.python(
        "-m", "pytest", "-p", "no:cacheprovider", "tests/style", "--ignore", "tests/style/test_checklists.py"
    )
    assert code == 0, said
    assert copy.python(*DOCS, "--check") == (0, "")
    for check in (("check",), ("format", "--check")):
        code, said = copy.python("-m", "ruff", *check, "src", "tests")
        assert code == 0, said
    (copy.folder / PAGES[0]).write_text("{}")
    code, said = copy.python(*DOCS, "--check", "--without-schema")
    assert (code, said) == (1, "docs/openapi.json is stale: run `make docs` and commit what it writes\n")


def test_a_patch_that_fits_no_more_says_where_to_look() -> None:
    (step, *_) = [step for step in STEPS.values() if step.name == "event/1_struct"]
    tree = Tree({"src/vendorpay/domain/events.py": "class EventDraft:\n"})
    with pytest.raises(
        DoesNotFit, match=r"event/1_struct: bring it up to date: src/vendorpay/domain/events.py holds 0"
    ):
        step.applied(tree)


def test_the_checklists_tell_every_step_in_the_words_of_its_patch() -> None:
    page = " ".join((ROOT / "CONTRIBUTING.md").read_text("utf-8").split())
    assert [step.words for step in STEPS.values() if " ".join(step.words.split()) not in page] == []
