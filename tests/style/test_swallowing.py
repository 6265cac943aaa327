"""No exception disappears."""

import pytest

from tests.style.rules.source import Source, listing, package
from tests.style.rules.swallowing import swallowed


def test_no_unknown_exception_is_dropped() -> None:
    found = [finding for file in package() for finding in swallowed(file)]
    assert not found, listing(found)


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept: log()",
        "try: f()\nexcept Exception: pass",
        "try: f()\nexcept (ValueError, BaseException): ...",
        "for x in y:\n    try: f()\n    except Exception: continue",
        "def g():\n    try: f()\n    except Exception: return None",
        "from contextlib import suppress\nwith suppress(Exception): f()",
    ],
)
def test_a_dropped_exception_is_found(text: str) -> None:
    assert len(swallowed(Source.parse("src/vendorpay/store/db.py", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept KeyError: pass",
        "try: f()\nexcept Exception as error:\n    log(error)",
        "try: f()\nexcept BaseException:\n    undo()\n    raise",
        "from contextlib import suppress\nwith suppress(FileNotFoundError): f()",
    ],
)
def test_a_known_or_reported_exception_is_let_through(text: str) -> None:
    assert swallowed(Source.parse("src/vendorpay/store/db.py", text)) == []
