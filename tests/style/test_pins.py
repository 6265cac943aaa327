"""What is installed is pinned by version and hash, and the sets fit together."""

import re
import tomllib

from tests.style.rules.pins import disagreements, pinned, unsafe_pins
from tests.style.rules.source import ROOT, listing

FILES = {f"requirements/{file.name}": file.read_text() for file in sorted((ROOT / "requirements").glob("*.txt"))}


def test_every_requirement_has_a_version_and_a_hash_and_no_address() -> None:
    assert {"requirements/core.txt", "requirements/dev.txt", "requirements/tools.txt"} <= FILES.keys()
    found = [finding for path, text in FILES.items() for finding in unsafe_pins(path, text)]
    assert not found, listing(found)


def test_core_and_dev_agree_on_what_both_hold() -> None:
    found = disagreements({path: pinned(FILES[path]) for path in ("requirements/core.txt", "requirements/dev.txt")})
    assert not found, listing(found)


def test_every_input_has_its_pins() -> None:
    for source in (ROOT / "requirements").glob("*.in"):
        wanted = set(re.findall(r"^([a-z0-9][\w.-]*)", source.read_text(), re.M))
        missing = wanted - pinned(FILES[f"requirements/{source.stem}.txt"]).keys()
        assert not missing, f"run `make lock`: {source.stem}.txt lacks {missing}"


def test_the_package_depends_on_what_core_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements/core.in").read_text().splitlines()
    inputs = {re.split(r"[=<>~! ]", line)[0] for line in lines if line and line[0] not in "#-"}
    assert set(project["dependencies"]) == inputs, "keep pyproject.toml and requirements/core.in the same"


def test_a_requirement_without_a_hash_or_with_an_address_is_found() -> None:
    header = "# make lock\n"
    pin = "starlette==1.0.0 \\\n    --hash=sha256:ab\n    # via core.in\n"
    assert unsafe_pins("x.txt", header + pin) == []
    assert len(unsafe_pins("x.txt", pin)) == 1
    assert len(unsafe_pins("x.txt", header + pin + "httpx==1.0")) == 1
    assert len(unsafe_pins("x.txt", header + pin + "httpx>=1 \\\n    --hash=sha256:ab")) == 1
    assert len(unsafe_pins("x.txt", header + "--find-links https://x/y\n" + pin)) == 2


def test_two_sets_that_pin_one_package_differently_are_found() -> None:
    assert len(disagreements({"a": {"idna": "1"}, "b": {"idna": "2"}})) == 1
    assert disagreements({"a": {"idna": "1"}, "b": {"idna": "1", "x": "2"}}) == []
