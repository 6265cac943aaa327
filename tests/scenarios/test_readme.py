"""Every command of the README works as it stands there: pasted into a shell, against a running service."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from tests.faults.dying import SOAK
from tests.scenarios.asking import Caller, client_of, new_payment
from tests.scenarios.serving import Serve, clean_environment
from tests.scenarios.test_gate import SCORED_S_MAX, scored

pytestmark = pytest.mark.of_serve

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")
TASKS: Final = README.partition("## The five most common things")[2].partition("\n## ")[0]
URL: Final = "http://127.0.0.1:8080"
LINES_MAX: Final = 175
HAS_FAULTY_LINES: Final = "vendorpay events publish"
ELSEWHERE: Final = (HAS_FAULTY_LINES, "export VENDORPAY_TOKEN", "vendorpay audit")
"""Beginnings of commands that quick runs leave out: other tests run them, and each costs half a second and more."""

embedded = pytest.mark.parametrize("serve", ["embedded"], indirect=True)


def commands(text: str) -> Iterator[str]:
    """The commands of a page's shell blocks, and its programs; a command goes on while a quote is open or a line ends
    with a backslash."""
    for kind, block in re.findall(r"^```(sh|python)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if kind == "python":
            yield f"python - <<'END'\n{block}END"
            continue
        begun = ""
        for line in block.splitlines():
            begun += line + "\n"
            if not line.endswith("\\") and _is_whole(begun):
                yield begun.strip()
                begun = ""
        assert not begun, f"it has no end: {begun}"


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def typed(serve: Serve, folder: Path, listed: list[str]) -> list[tuple[int, str]]:
    """What each command ends with and says, all in one shell, in a folder that holds the examples.

    The administrator has sent something that is flagged: quick runs do not publish the file of events.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    script = "".join(f"{command.replace(URL, serve.url)}\nprintf '\\n#ended %s\\n' $?\n" for command in listed)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    org = f"org-{uuid4()}"
    people = {"VENDORPAY_TOKEN": serve.token("admin", org=org), "DISPATCHER": serve.token("dispatcher", org=org)}
    with client_of(serve) as client:
        administrator = Caller(client, people["VENDORPAY_TOKEN"], "")
        flagged = {
            "amountCents": 500_000,
            "lineItems": [{"description": "Tow", "quantity": 1, "unitPriceCents": 500_000}],
        }
        sent = administrator.post("/payments", new_payment(**flagged)).json()
        scored(administrator, sent["paymentId"], SCORED_S_MAX)
    here = {"VENDORPAY_DATA_DIR": str(serve.data_dir), "NO_PROXY": "127.0.0.1"}
    environment = clean_environment(PATH=path, **here, **people)
    done = subprocess.run(
        ["sh", "-u"], input=script, capture_output=True, text=True, cwd=folder, env=environment, timeout=100, check=True
    )
    *found, rest = re.split(r"\n#ended (\d+)\n", done.stdout)
    assert not rest
    return [(int(code), said) for said, code in zip(found[::2], found[1::2], strict=True)]


@embedded
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed on this machine")
def test_the_five_things_can_be_pasted_into_a_shell(serve: Serve, tmp_path: Path) -> None:
    listed = [each for each in commands(TASKS) if SOAK or not each.startswith(ELSEWHERE)]
    assert len(listed) >= (18 if SOAK else 13)
    said = dict(zip(listed, typed(serve, tmp_path, listed), strict=True))
    for command, (code, words) in said.items():
        assert code == (1 if HAS_FAULTY_LINES in command else 0), (command, words)

    def told(beginning: str) -> str:
        (words,) = (words for command, (_, words) in said.items() if command.startswith(beginning))
        return words

    payment = json.loads((tmp_path / "payment.json").read_text())
    assert "approved" in told("vendorpay payments show")
    entries = json.loads(told('curl -s "$VENDORPAY_URL/payments/$PAYMENT/audit-log"'))["entries"]
    assert [entry["action"] for entry in entries] == ["payment_created", "payment_scored", "payment_approved"]
    assert "cleared" in told("vendorpay fraud decide")
    assert "high_amount" in told('vendorpay fraud case "$CASE"')
    assert "created 2" in told("vendorpay payments import")
    assert json.loads(told('curl -s "$VENDORPAY_URL/webhook-endpoints"'))["secret"]
    assert payment["paymentId"] in told("vendorpay events tail")
    # What needs two people has one of them now; of what was published, some is flagged and waits for its case.
    known = {"approved", "pending_approval"} | ({"fraud_review_required"} if SOAK else set())
    assert set(told("python").split()) == known
    if SOAK:
        assert "accepted 545, duplicate 32, rejected 23" in TASKS
        assert "accepted 545, duplicate 32, rejected 23" in told(HAS_FAULTY_LINES)
        assert list((tmp_path / "checkpoints").iterdir())


def test_it_begins_with_two_commands_and_is_short() -> None:
    first = next(iter(re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)))
    assert [line.split("#")[0].split() for line in first.splitlines()] == [["make", "up"], ["make", "test"]]
    assert len(README.splitlines()) <= LINES_MAX


def test_every_page_that_it_names_is_there() -> None:
    pages = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert len(pages) > 12
    assert [page for page in pages if not (ROOT / page).exists()] == []
