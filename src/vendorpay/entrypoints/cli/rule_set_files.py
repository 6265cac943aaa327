"""A rule set of a file, with each of its faults named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vendorpay.entrypoints.cli.checks import Faults

if TYPE_CHECKING:
    from vendorpay.domain.fraud.rule_set import RuleSet

BYTES_MAX: Final = 1024 * 1024
"""More than the service takes: what is larger is no rule set, and not worth reading."""


def read(faults: Faults, option: str, path: Path) -> tuple[RuleSet, bytes]:
    """The rule set, and the text it was read from. Faults are put on the list; what is returned is the default then."""
    from vendorpay.domain.errors import InvalidRequest, MalformedJson
    from vendorpay.domain.fraud import rule_set

    try:
        with path.open("rb") as opened:
            raw = opened.read(BYTES_MAX + 1)
        return rule_set.read(raw), raw
    except OSError as error:
        faults.add(f"{option}: {path}: {error.strerror}.")
    except MalformedJson as error:
        faults.add(f"{option}: {error}")
    except InvalidRequest as error:
        faults.add(*(f"{option}: {fault.field} {fault.message}." for fault in error.faults))
    return rule_set.DEFAULT, b"{}"
