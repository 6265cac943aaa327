"""Words, places and names that stay out of every file."""

from pathlib import Path

import pytest

from tests.style.rules.source import ROOT, listing
from tests.style.rules.text import files, joined, left_behind, lines, places, vague_name

WORK_FOLDERS = ("src/", "tests/", "docs/", "scripts/", "bench/", "infra/")

PROJECT = tuple((file.relative_to(ROOT).as_posix(), file) for file in files(ROOT))


def test_no_work_is_put_off_in_a_comment() -> None:
    ours = [(path, file) for path, file in PROJECT if path.startswith(WORK_FOLDERS)]
    found = [hit for path, file in ours for number, line in lines(file) for hit in left_behind(path, number, line)]
    assert not found, listing(found)


def test_no_file_names_a_package_host_or_a_path_of_one_machine() -> None:
    found = [hit for path, file in PROJECT for number, line in lines(file) for hit in places(path, number, line)]
    assert not found, listing(found)


def test_every_file_and_folder_is_named_after_what_it_holds() -> None:
    found = [finding for path, _ in PROJECT for finding in vague_name(path)]
    assert not found, listing(found)


def test_the_rules_read_the_whole_project() -> None:
    paths = {path for path, _ in PROJECT}
    assert {"pyproject.toml", "Makefile", "src/vendorpay/__init__.py", "tests/style/test_text.py"} <= paths
    assert not any(path.startswith((".venv/", ".tools/", ".git/")) for path in paths)


def test_without_git_the_rules_read_the_folder_and_skip_what_was_built(tmp_path: Path) -> None:
    for name in ("src/a.py", ".venv/b.py", "src/__pycache__/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert files(tmp_path) == [tmp_path / "src/a.py"]


@pytest.mark.parametrize(
    "text", ["# TO~DO: later", "-- FIX~ME", "# XX~X", "see XX~X: later", "raise NotImplemented~Error"]
)
def test_work_put_off_is_found(text: str) -> None:
    assert len(left_behind("src/vendorpay/api/app.py", 1, joined(text))) == 1
    assert left_behind("src/vendorpay/api/static/htmx.min.js", 1, joined(text)) == []


def test_words_that_only_contain_a_mark_are_let_through() -> None:
    text = "see mastodon; the currency XXX is none; sk_test_XXX; NotImplemented"
    assert left_behind("docs/a.md", 1, text) == []


@pytest.mark.parametrize(
    "line",
    [
        "https://py~pi.org/project/x",
        "files.python~hosted.org",
        "https://regis~try.example.com/x",
        "https://mirror.example/sim~ple/",
        "--index~-url https://mirror.example/py",
        "#    uv pip compile /wo~rk/x/core.in",
        "cd /ro~ot/project",
        "'/ho~me/alice/vendorpay'",
        "/Us~ers/alice",
    ],
)
def test_a_host_or_a_path_of_one_machine_is_found(line: str) -> None:
    assert len(places("docs/a.md", 1, joined(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "CollectorRegistry(registry.gauge)",
        "src/vendorpay/work/x",
        "~/work/vendorpay",
        "https://example.com/home/page",
        "/usr/bin/python3",
        "GET /payments/pending",
    ],
)
def test_other_addresses_and_paths_are_let_through(line: str) -> None:
    assert places("docs/a.md", 1, line) == []


@pytest.mark.parametrize("path", ["src/vendorpay/utils.py", "tests/helpers/x.py", "src/vendorpay/api/date_utils.py"])
def test_a_vague_name_is_found(path: str) -> None:
    assert len(vague_name(path)) == 1


def test_a_telling_name_is_let_through() -> None:
    assert vague_name("src/vendorpay/domain/miscarriage.py") == []
