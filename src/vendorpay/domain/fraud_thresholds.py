"""From which scores on the service's own rule set calls a payment of medium risk, of high risk, and flagged: a setting.

Apart from the rule set itself (`fraud.rule_set`), which knows every signal, and which hardly any start needs.
"""

from __future__ import annotations

from typing import Final

Cuts = tuple[float, float, float]
"""Medium, high, flagged."""

NAMES: Final = ("medium", "high", "flagged")


def parsed(text: str) -> Cuts:
    """The three of `0.3,0.5,0.7`. Raises ValueError that names every fault."""
    parts = [part.strip() for part in text[:80].split(",")]
    if len(parts) != len(NAMES):
        raise ValueError(f"must be three shares like 0.3,0.5,0.7 ({', '.join(NAMES)}), not {text[:40]!r}")
    found = [_share(part) for part in parts]
    faults = [
        f"{name} is {part[:20]!r}, which is no number above 0 and up to 1"
        for name, part, share in zip(NAMES, parts, found, strict=True)
        if share is None
    ]
    shares = [share for share in found if share is not None]
    if not faults and sorted(set(shares)) != shares:
        faults.append("medium < high < flagged")
    if faults:
        raise ValueError(f"must rise from share to share, like 0.3,0.5,0.7: {'; '.join(faults)}")
    medium, high, flagged = shares
    return medium, high, flagged


def _share(text: str) -> float | None:
    """A number in plain digits, with two decimals at most, as scores have."""
    whole, point, decimals = text.partition(".")
    plain = (whole + decimals).isascii() and whole.isdigit() and (decimals.isdigit() if point else True)
    if not plain or len(decimals) > 2:
        return None
    share = float(text)
    return share if 0 < share <= 1 else None
