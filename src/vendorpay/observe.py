"""Logs: one JSON object a line on stderr, with facts from an allow-list and nothing a person wrote.

Notes, reasons, metadata, descriptions, tokens and passwords cannot get in: a fact whose name is not in FACTS is
dropped and only its name is kept. An error is logged by its type, its SQL state and where it was raised: its message
may quote a row. It is told of a start that failed alone, when there is nothing yet to quote.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TextIO

import msgspec

LEVELS: Final = ("debug", "info", "warning", "error")
# Every name a line may have. Ids, counts, names of ours: never text from outside.
FACTS: Final = frozenset(
    {"event", "level", "timestamp", "logger", "process", "request_id", "operation", "status", "duration_ms"}
    | {"org_id", "sub", "role", "error", "sqlstate", "constraint", "raised_at", "caused_by", "dropped"}
    | {"worker", "exit_code", "signal", "attempt", "retry_in_s", "pid", "host", "port", "data_dir", "url", "workers"}
    | {
        "migrations",
        "part",
        "partitions",
        "batch_size",
        "count",
        "reason_code",
        "code",
        "payment_id",
        "event_id",
        "endpoint_id",
        "version",
    }
    | {"fault"}  # a sentence of ours, or the message of what kept a process from starting
    | {"stream", "accepted", "duplicate", "rejected", "again"}
)
TEXT_CHARACTERS_MAX: Final = 500
FRAMES_MAX: Final = 12
CAUSES_MAX: Final = 5
LISTED_MAX: Final = 50
"""How much of a list is written out; the rest is counted."""

_SECRETS: Final = (
    # A URL's user part: postgresql://user:password@host.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]*@", re.IGNORECASE), r"\1***@"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]*(?:\.[\w-]*)*"), "***"),  # a JWT
    (re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"\b(password|passwd|secret|token|authorization|api[_-]?key)(\s*[=:]\s*)\S+", re.I), r"\1\2***"),
    (re.compile(r"\b((?:sk|rk|whsec)_)\w+"), r"\1***"),
    # PostgreSQL quotes the row or the key there.
    (re.compile(r"\b(?:DETAIL|CONTEXT|STATEMENT|QUERY):.*", re.DOTALL), "***"),
)
# One quick look tells that nearly every text needs none of the above.
_SUSPECT: Final = re.compile(
    r"@|eyJ|bearer|basic|passw|secret|token|authorization|key|[sr]k_|whsec|DETAIL:|CONTEXT:|STATEMENT:|QUERY:", re.I
)
# Chatter of others, which says nothing below a warning.
_QUIET: Final = ("asyncio", "httpcore", "psycopg", "psycopg.pool")

_OWN_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_KEPT_MAX: Final = 4096

_BARE: Final = re.compile(r'[^\s="]+')


def scrub(text: str) -> str:
    """Text of others without what looks like a secret, cut to a length a line can bear."""
    if _SUSPECT.search(text):
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[:TEXT_CHARACTERS_MAX]}..."


_scrubbed_before = lru_cache(maxsize=_KEPT_MAX)(scrub)  # for names that come with every request


def facts_of(error: BaseException) -> dict[str, object]:
    """What may be logged about an error: types, SQL state, constraint, places in the code; never its message."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    facts: dict[str, object] = {
        "error": _type_name(error),
        "raised_at": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(state := getattr(error, "sqlstate", None), str):
        facts["sqlstate"] = state
    if isinstance(name := getattr(getattr(error, "diag", None), "constraint_name", None), str):
        facts["constraint"] = name
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < CAUSES_MAX:
        causes.append(_type_name(cause))
        cause = cause.__cause__ or cause.__context__
    if causes:
        facts["caused_by"] = causes
    return facts


def configure(level: str = "info", *, json: bool = True, stream: TextIO | None = None) -> None:
    """Sends our lines and those of every library to stderr (or `stream`), from `level` of LEVELS on."""
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no log level; choose one of {', '.join(LEVELS)}")
    _lines.open(level, json=json, stream=stream)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Routed)]:
        root.removeHandler(handler)
    root.addHandler(_Routed())
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.captureWarnings(True)


def log_request(
    *,
    request_id: str,
    operation: str,
    status: int,
    duration_ms: float,
    org_id: str | None = None,
    sub: str | None = None,
    role: str | None = None,
) -> None:
    """One answered request. `operation` is its name in the operations table, never the path with its query."""
    if not _lines.requests:
        return
    # Past the look at every name, which costs more than many a request: these are all FACTS, and typed.
    line = _Request(
        timestamp=_stamp(),
        request_id=request_id if _OWN_ID.match(request_id) else scrub(request_id),
        operation=operation,
        status=status,
        duration_ms=round(duration_ms, 3),
        org_id=org_id and _scrubbed_before(org_id),
        sub=sub and _scrubbed_before(sub),
        role=role,
    )
    _lines.write(line)


def log_failure(*, request_id: str | None = None, error: BaseException) -> None:
    """An error nobody expected."""
    _log("error", "failure", {"request_id": request_id, **facts_of(error)})


def log_failed_start(error: BaseException) -> None:
    """What kept a process from starting, with its message: before the first request nobody's data can be in it."""
    _log("error", "failed to start", {"fault": str(error) or None, **facts_of(error)})


def info(event: str, **facts: object) -> None:
    """Something ordinary that an operator wants to see. `event` is a fixed phrase; what varies is in the facts."""
    _log("info", event, facts)


def warning(event: str, **facts: object) -> None:
    """Something that works again by itself, or soon needs a look."""
    _log("warning", event, facts)


def failed(event: str, **facts: object) -> None:
    """Something that did not work and will not without help."""
    _log("error", event, facts)


def _log(level: str, event: str, facts: Mapping[str, object]) -> None:
    if LEVELS.index(level) >= _lines.least:
        _lines.write({"timestamp": _stamp(), "event": scrub(event), "level": level, **_only_facts(facts)})


def _stamp() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _only_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Drops what is not in FACTS, and cleans what is. None is left out."""
    kept = {name: _plain(value) for name, value in facts.items() if name in FACTS and value is not None}
    if dropped := sorted(scrub(name) for name in facts if name not in FACTS):
        kept["dropped"] = dropped
    return kept


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        more = [f".. {len(value) - LISTED_MAX} more"] if len(value) > LISTED_MAX else []
        return [*map(_plain, value[:LISTED_MAX]), *more]
    return scrub(value if isinstance(value, str) else str(value))


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _short(filename: str) -> str:
    """The file's name from its package on: the rest is where this machine keeps it."""
    for root in ("/site-packages/", "/src/", "/lib/"):
        before, found, after = filename.rpartition(root)
        if found and before:
            return after
    return filename.rpartition("/")[2]


class _Request(msgspec.Struct, omit_defaults=True):
    """The line of a request. (What has a default_factory is written, although omit_defaults.)"""

    timestamp: str
    event: str = msgspec.field(default_factory=lambda: "request")
    level: str = msgspec.field(default_factory=lambda: "info")
    request_id: str | None = None
    operation: str | None = None
    status: int | None = None
    duration_ms: float | None = None
    org_id: str | None = None
    sub: str | None = None
    role: str | None = None


class _Lines:
    """Where lines go, and which. Until `configure`, warnings and errors alone are written."""

    stream: TextIO | None
    json: bool
    least: int  # The place in LEVELS of what is still written.
    requests: bool  # Whether a line for each request is wanted.

    def __init__(self) -> None:
        self.open("warning", json=True, stream=None)

    def open(self, level: str, *, json: bool, stream: TextIO | None) -> None:
        self.stream, self.json, self.least = stream, json, LEVELS.index(level)
        self.requests = self.least <= LEVELS.index("info")

    def write(self, line: dict[str, object] | _Request) -> None:
        """Writes it in one piece. A reader of the log that went away must not fail a request."""
        encoded = msgspec.json.encode(line).decode() if self.json else _for_people(msgspec.to_builtins(line))
        stream = self.stream or sys.stderr
        with suppress(OSError, ValueError):
            stream.write(f"{encoded}\n")
            stream.flush()


def _for_people(line: dict[str, object]) -> str:
    """The line as name=value, quoted where the value would not be told from what stands around it."""
    told = {"timestamp": "", "level": "", **line}  # in this order
    return " ".join(f"{name}={_word(value)}" for name, value in told.items())


def _word(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if _BARE.fullmatch(text) else msgspec.json.encode(text).decode()


class _Routed(logging.Handler):
    """Carries a library's record into our lines: its text scrubbed, its error by type and place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            facts: dict[str, object] = {"logger": record.name}
            if record.exc_info and record.exc_info[1] is not None:
                facts |= facts_of(record.exc_info[1])
            message = scrub(record.getMessage())
            _log(_level_name(record.levelno), message.replace("\n", " "), facts)
        except Exception:  # logging's own way to say that a record could not be written.
            self.handleError(record)


def _level_name(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


_lines = _Lines()
