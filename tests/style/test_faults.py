"""Each fault of the predecessor that this service must make impossible has a test that names it."""

import re
from pathlib import Path

OF_THE_HEART = {1, 4, 7, 11, 25, 26, 29, 35, 41, 42, 43, 44, 49, 50, 52, 58, 59, 60, 62, 65, 66} | {
    *range(70, 78),
    *(79, 80, 82, 85, 86, 87),
}
"""Numbers of the inventory of the predecessor's faults, as far as what exists here touches them."""

OF_THE_WAY_OUT = {27, 28, 67, 80, 81}
OF_THE_EDGE = {64}
OF_THE_GATE = {2, 11, *range(16, 20), 45, 46, 52, 67, 69, 78, 80, 100}
ASKED_BY_PEERS = {15, 16}
"""Numbers of what users of comparable systems ask for."""

_NAMED = re.compile(r"(?:origin|faults?)[ _](\d+(?:(?:, | and |_and_|_)\d+)*)", re.IGNORECASE)


def named(text: str) -> set[int]:
    """The numbers that names and docstrings of a test file bring: `test_fault_35_..`, "Origin 7, 25"."""
    return {int(number) for found in _NAMED.findall(text) for number in re.findall(r"\d+", found)}


def test_every_fault_has_a_test_that_names_it() -> None:
    files = [path for path in Path("tests").rglob("test_*.py") if path.name != Path(__file__).name]
    missing = (OF_THE_HEART | OF_THE_WAY_OUT | OF_THE_EDGE | OF_THE_GATE) - set().union(
        *(named(path.read_text("utf-8")) for path in files)
    )
    assert not missing, f"write a test each, and name the fault in it: {sorted(missing)}"


def test_every_ask_of_the_peers_users_has_a_test_that_names_it() -> None:
    texts = [path.read_text("utf-8") for path in Path("tests").rglob("test_*.py")]
    answered = {int(number) for text in texts for number in re.findall(r"[Pp]eers' ask (\d+)", text)}
    assert answered >= ASKED_BY_PEERS


def test_numbers_are_found_in_names_and_in_docstrings() -> None:
    assert named("def test_fault_35_moves(): 'Origin 7, 25 and 26.'\n# faults_42_44_and_70") == {
        35,
        7,
        25,
        26,
        42,
        44,
        70,
    }
