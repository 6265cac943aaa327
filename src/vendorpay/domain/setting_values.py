"""What a setting may say, and what it is when nothing is said: what a serving process and a function on AWS have alike.

Each error completes the sentence that the variable's name begins. Every function on AWS imports this file before its
first answer: it imports next to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

NAME_CHARACTERS_MAX: Final = 256
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
EVENT_SOURCES: Final = frozenset({"roadcall.incident-service", "roadcall.incident"})
EVENT_SOURCES_MAX: Final = 100
FRAUD_OFF: Final = "off"
FRAUD_PROVIDERS: Final = ("embedded", "frauddetector", FRAUD_OFF)
APPROVALS_MAX: Final = 10
CHECKPOINT_EVERY_S: Final = 3600
CHECKPOINT_EVERY_S_MAX: Final = 7 * 86400

_DETECTOR: Final = re.compile(r"[0-9a-z_-]{1,64}/[0-9a-z_-]{1,64}\Z")


def name(text: str) -> str:
    """Printable text of a bearable length. Raises ValueError, as all of these do."""
    if not text.isprintable() or len(text) > NAME_CHARACTERS_MAX:
        raise ValueError(f"must be printable text of at most {NAME_CHARACTERS_MAX} characters")
    return text


def names(most: int) -> Callable[[str], frozenset[str]]:
    """Names with commas between them."""

    def parse(text: str) -> frozenset[str]:
        found = frozenset(name(one.strip()) for one in text.split(","))
        if "" in found or len(found) > most:
            raise ValueError(f"must be at most {most} names with commas between them, and none of them empty")
        return found

    return parse


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A whole number within limits."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not lowest <= int(text[:20]) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}, not {text[:40]!r}")
        return int(text)

    return parse


def one_of(*known: str) -> Callable[[str], str]:
    """One of a few words, in whatever case."""

    def parse(text: str) -> str:
        if text.lower() not in known:
            raise ValueError(f"must be one of {', '.join(known)}, not {text[:40]!r}")
        return text.lower()

    return parse


def database_url(text: str) -> str:
    """A libpq URL; it holds a password, so that it is never echoed."""
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a URL like postgresql://user@host/database")
    return text


def detector(text: str) -> str:
    """A detector of Amazon Fraud Detector, and its event type."""
    if not _DETECTOR.match(text):
        raise ValueError(f"must be the detector and its event type like my-detector/my-event, not {text[:40]!r}")
    return text
