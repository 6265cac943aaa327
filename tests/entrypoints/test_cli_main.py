"""The command line as a whole: help, usage, and what it says when something goes wrong."""

from __future__ import annotations

import json
import re
import resource
import time

import pytest

from tests.entrypoints.command_line import CommandLine, run_apart
from vendorpay import __version__
from vendorpay.entrypoints.cli import failures, openapi

COMMANDS = (
    ("serve",),
    ("token",),
    ("events", "publish"),
    ("payments", "list"),
    ("payments", "show"),
    ("payments", "flagged"),
    ("payments", "approve"),
    ("fraud", "cases"),
    ("fraud", "case"),
    ("fraud", "assign"),
    ("fraud", "decide"),
    ("fraud", "backfill"),
    *(("fraud", "listings", verb) for verb in ("list", "block", "allow", "snooze", "confirm", "end")),
    *(("fraud", "rule-sets", verb) for verb in ("list", "propose", "activate", "shadow", "end-shadow")),
    ("policies", "list"),
    ("policies", "show"),
    ("policies", "propose"),
    ("policies", "propose-again"),
    ("policies", "simulate"),
    ("policies", "activate"),
    ("delegations", "give"),
    ("delegations", "list"),
    ("delegations", "end"),
    ("audit", "verify"),
    ("audit", "checkpoint"),
    ("db", "migrate"),
    ("db", "status"),
    ("db", "shell"),
    ("openapi",),
    ("demo",),
)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capfd, monkeypatch)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(run: CommandLine, command: tuple[str, ...]) -> None:
    helped = run(*command, "--help")
    assert helped.code == 0
    example = helped.out.partition("Example")[2].partition("Options:")[0].partition("Arguments:")[0]
    assert f"vendorpay {' '.join(command)}" in " ".join(example.split())
    assert not re.search(r"\S {2,}\S", example), "lines of a docstring are joined with their indentation"
    assert command[0] in run("--help").out


def test_the_version_is_told(run: CommandLine) -> None:
    assert run("--version").out == f"vendorpay {__version__}\n"


def test_help_is_quick() -> None:
    """Counted in seconds of CPU: on a busy machine others' work would count, too."""
    took = []
    for _ in range(12):
        before = _cpu_s_of_children()
        assert run_apart("--help").code == 0
        took.append(_cpu_s_of_children() - before)
        if took[-1] < 0.8:
            break
        time.sleep(1)  # cores that others use, too, are slow for seconds at a time
    assert min(took) < 0.8, "twice what it should take, for cores that others use, too"


def _cpu_s_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["serve", "--nonsense"], ["token"], ["db", "shell", "--role", "root"], ["events"]]
)
def test_wrong_usage_ends_with_2(run: CommandLine, arguments: list[str]) -> None:
    refused = run(*arguments)
    assert refused.code == 2


def test_a_wrong_setting_ends_every_command_with_2(run: CommandLine) -> None:
    run.environment.setenv("VENDORPAY_PROT", "80")
    refused = run("token", "--role", "admin")
    assert (refused.code, refused.out) == (2, "")
    assert "did you mean VENDORPAY_PORT" in refused.err


def test_an_unexpected_fault_is_told_by_type_and_place_and_not_by_its_words(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr("vendorpay.api.openapi.encoded", fail)
    refused = run("openapi")
    assert refused.code == failures.FAILED
    assert "ZeroDivisionError" in refused.err
    assert "hunter2" not in refused.err


def test_the_openapi_document_is_printed(run: CommandLine) -> None:
    printed = run("openapi")
    assert printed.code == 0
    document = json.loads(printed.out)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == __version__
    assert "/payments/{id}/approve" in document["paths"]
    assert run("openapi", "--indent", 0).out.count("\n") == 1
    assert openapi.__doc__
