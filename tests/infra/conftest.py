"""Templates are made once for all of the tests' processes: that takes ten seconds of CPU."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.templates import Templates
from tests.style.rules.source import ROOT

STAGES = ("dev", "prod")
SYNTH_S_MAX = 240.0
WAIT_S_MAX = 300
"""For whoever comes first, and for who waits until that one is ready, on a machine that is busy with others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that needs the templates may have to wait until they are made."""
    here = Path(__file__).parent
    for item in items:
        needed = {"assembly", "detecting_assembly"}.intersection(getattr(item, "fixturenames", ()))
        if item.path.parent == here and needed:
            item.add_marker(pytest.mark.timeout(WAIT_S_MAX))


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder that `make synth` fills, made as it makes it; cdk-nag's verdict is the exit code."""
    return _made_once(_shared(tmp_path_factory, worker_id) / "cdk.out", "infra.app", "--out")


@pytest.fixture(scope="session")
def detecting_assembly(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The same of a stage that has a detector of Amazon Fraud Detector (detecting.py)."""
    return _made_once(_shared(tmp_path_factory, worker_id) / "detecting", "tests.infra.detecting")


def _shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


def _made_once(folder: Path, module: str, *arguments: str) -> Path:
    """The folder that a module writes templates into; by whichever process comes first."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "manifest.json").exists():
            done = synthesized(*arguments, str(folder), module=module)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def templates(assembly: Path) -> Templates:
    """What CloudFormation would get, of every stage."""
    return Templates.read(assembly)


@pytest.fixture(scope="session", params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    """Each stage in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def own(templates: Templates, stage: str) -> Templates:
    """The templates of that stage."""
    return templates.of(stage)


def synthesized(*arguments: str, module: str = "infra.app") -> subprocess.CompletedProcess[str]:
    """The app, run as `make synth` runs it."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SYNTH_S_MAX,
        check=False,
    )
