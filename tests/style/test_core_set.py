"""What the service imports is in the set that a fresh clone installs to serve, and not in the tests' alone."""

import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.style.rules.pins import pinned, third_party, unpinned
from tests.style.rules.source import ROOT, Source, listing, package

CORE = pinned((ROOT / "requirements/core.txt").read_text())
_OF_THEIR_NAME = {"boto3": ["boto3"], "botocore": ["botocore"]}  # not installed where only the tests' set is
INFRA = (ROOT / "requirements/infra.txt").read_text()


def core_alone(*options: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tests.style.core_alone", *options)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_every_import_of_the_package_is_pinned_in_core() -> None:
    installed = packages_distributions()
    named = {name for file in package() if not _is_for_aws(file) for name in third_party(file)}
    assert {"psycopg", "msgspec", "httpcore", "uvicorn", "uvloop", "jwt", "typer"} <= named
    assert not (found := unpinned(named, installed, CORE)), listing(found)


def test_what_speaks_to_aws_may_import_what_the_set_for_aws_pins() -> None:
    """boto3 is in Lambda's own runtime and in that set; a laptop has no use for it."""
    named = {name for file in package() if _is_for_aws(file) for name in third_party(file)}
    assert "boto3" in named
    installed = {**_OF_THEIR_NAME, **packages_distributions()}
    assert not (found := unpinned(named, installed, pinned(INFRA) | CORE)), listing(found)


def _is_for_aws(file: Source) -> bool:
    return file.path.startswith(("src/vendorpay/adapters/aws/", "src/vendorpay/entrypoints/aws/"))


def test_what_the_processes_load_is_pinned_in_core() -> None:
    """Also what a library takes along when it happens to be there: a clone would run something else than we test."""
    ran = core_alone("--as-installed")
    assert ran.returncode == 0, ran.stderr
    loaded = ran.stdout.split()
    assert {"psycopg_pool", "anyio", "h11", "httptools"} <= {*loaded}
    assert not (found := unpinned(loaded, packages_distributions(), CORE)), listing(found)


def test_the_processes_start_and_a_webhook_is_sent_with_core_alone() -> None:
    ran = core_alone()
    assert ran.returncode == 0, ran.stderr


def test_a_package_that_core_lacks_is_missed() -> None:
    """anyio once was in the tests' set only: no clone's `make up` became ready, and every test passed."""
    ran = core_alone("--without", "anyio")
    assert ran.returncode != 0
    assert "anyio" in ran.stderr


def test_an_import_that_no_pin_brings_is_found_wherever_it_stands() -> None:
    text = "import os\nimport vendorpay.ports\ndef f():\n    import PIL.Image\n    from yaml import load\n"
    assert third_party(Source.parse("src/vendorpay/x.py", text)) == {"PIL", "yaml"}
    installed = {"PIL": ["Pillow"], "yaml": ["PyYAML"]}
    assert unpinned({"PIL", "yaml"}, installed, {"pillow": "1", "pyyaml": "2"}) == []
    assert len(unpinned({"PIL", "yaml"}, installed, {"pillow": "1"})) == 1
    assert len(unpinned({"nowhere"}, installed, {"pillow": "1"})) == 1
