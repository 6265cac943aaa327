"""The verifier that shares no line with ours (scripts/verify_audit.py), and its export, as in docs/audit.md."""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import CodeType

import psycopg
import pytest
from psycopg.rows import DictRow

SCRIPTS = Path(__file__).parents[2] / "scripts"
EXPORT = SCRIPTS / "export_audit.sql"
SCRIPT = SCRIPTS / "verify_audit.py"


def exported(superuser: psycopg.Connection[DictRow], folder: Path) -> Path:
    """The database as the script reads it."""
    folder.mkdir(exist_ok=True)
    for name, statement in _exports().items():
        with superuser.cursor().copy(statement.encode()) as copy:
            (folder / name).write_bytes(b"".join(bytes(part) for part in copy))
    superuser.commit()
    return folder


def asked(exports: Path, kept: Path | None, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The script's exit code and words: in this process, which is quicker, and with no module of ours in its hands."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(exports), *([] if kept is None else [str(kept)])])
    with redirect_stdout(io.StringIO()) as said, pytest.raises(SystemExit) as ended:
        exec(_script(), {"__name__": "__main__"})
    return int(ended.value.code or 0), said.getvalue()


@cache
def _exports() -> dict[str, str]:
    """The statements of the export, by the files they fill."""
    found = re.findall(r"^\\o (\w+\.csv)\n(COPY .*?);$", EXPORT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in found] == ["entries.csv", "heads.csv", "positions.csv", "checkpoints.csv"]
    return dict(found)


@cache
def _script() -> CodeType:
    return compile(SCRIPT.read_bytes(), SCRIPT, "exec")
