"""What is packaged for Lambda is whole, small, and knows whom to trust."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from infra import package
from infra.package import AMAZON_ROOTS, LAYERS, NOT_ON_LAMBDA, Refused
from tests.infra.test_settings import AS_DEPLOYED
from tests.style.rules.source import ROOT
from vendorpay.entrypoints.aws.functions import FUNCTIONS
from vendorpay.entrypoints.aws.settings import CA_BUNDLE

HANDLERS = sorted({row.handler.rpartition(".")[0] for row in FUNCTIONS})
IMPORTING = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
ours = {m.__file__ for n, m in sys.modules.items() if n.partition('.')[0] == 'vendorpay' and m.__file__}
theirs = {n.partition('.')[0] for n, m in sys.modules.items() if 'site-packages' in (getattr(m, '__file__', '') or '')}
print(json.dumps([sorted(ours), sorted(theirs)]))
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service's code, as it is packaged."""
    folder = tmp_path_factory.mktemp("package") / "code"
    package.copy_code(folder)
    return folder


@pytest.mark.parametrize("module", HANDLERS)
def test_every_function_starts_with_what_is_packaged_and_with_nothing_else(code: Path, module: str) -> None:
    row = next(row for row in FUNCTIONS if row.handler.startswith(module))
    told = {
        "VENDORPAY_FUNCTION": row.name,
        "AWS_REGION": "eu-west-1",
        "AURORA_ENDPOINT": AS_DEPLOYED["ProxyEndpoint"],
        "AURORA_SECRET_ARN": AS_DEPLOYED["Secret"],
        "AURORA_APP_SECRET_ARN": AS_DEPLOYED["Secret"],
        "AURORA_READONLY_SECRET_ARN": AS_DEPLOYED["Secret"],
        "COGNITO_USER_POOL_ID": AS_DEPLOYED["RefPeople"],
        "COGNITO_CLIENT_IDS": AS_DEPLOYED["PeopleConsole"],
        "EVENT_BUS_NAME": AS_DEPLOYED["RefBus"],
        "VENDORPAY_CHECKPOINT_BUCKET": AS_DEPLOYED["RefCheckpoints"],
        "PYTHONPATH": str(code),
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, module], env=told, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads(done.stdout)
    assert ours
    assert all(Path(file).is_relative_to(code) for file in ours)
    layers = {"core", "outbound"} if "reach_the_internet" in row.rights else {"core"}
    packaged = {name.replace("-", "_") for layer in layers for name in LAYERS[layer]}
    assert {name for name in theirs if not name.startswith("_")} <= packaged


def test_what_no_function_imports_is_left_out(code: Path) -> None:
    for name in NOT_ON_LAMBDA:
        found = ROOT / "src" / "vendorpay" / name
        assert found.exists() or found.with_suffix(".py").exists(), f"{name} is no more: take it from the list"
        assert not (code / "vendorpay" / name).exists()
        assert not (code / "vendorpay" / name).with_suffix(".py").exists()
    assert not list(code.rglob("__pycache__"))
    assert list((code / "vendorpay" / "store" / "migrations").glob("*.sql"))


def test_the_libraries_are_the_pinned_ones_with_their_hashes() -> None:
    core = (ROOT / "requirements/core.txt").read_text()
    for names in LAYERS.values():
        for block in package.pins(names):
            assert block in core
            assert "--hash=sha256:" in block


def test_a_library_that_nobody_pinned_is_refused() -> None:
    with pytest.raises(Refused, match="leftpad is not pinned"):
        list(package.pins(("leftpad",)))


def test_the_bundle_trusts_aurora_and_the_proxy(tmp_path: Path) -> None:
    """origin 20: Lambda's runtime has no authorities for RDS. And the proxy's certificate is of others again."""
    rds, target = tmp_path / "rds.pem", tmp_path / "layer" / package.BUNDLE
    rds.write_text(package.amazon_roots()[0].replace("Amazon Root CA 1", "stands for RDS's own"))
    with pytest.raises(Refused, match="holds no certificate authority"):
        package.write_bundle(rds, target)  # what it holds are the proxy's only
    rds.write_text(_another_authority())
    package.write_bundle(rds, target)
    context = ssl.create_default_context(cadata=target.read_text())
    said = str([each["subject"] for each in context.get_ca_certs()])
    assert [root for root in AMAZON_ROOTS if f"'{root}'" not in said] == []
    assert "'ISRG Root X1'" in said
    assert Path("/opt") / package.BUNDLE == CA_BUNDLE


@pytest.mark.parametrize("source", [None, Path("/nowhere/rds.pem")])
def test_without_authorities_for_rds_nothing_is_packaged(tmp_path: Path, source: Path | None) -> None:
    with pytest.raises(Refused, match="set RDS_CA_BUNDLE"):
        package.write_bundle(source, tmp_path / "bundle.pem")


def test_what_installers_leave_is_taken_away(tmp_path: Path) -> None:
    for name in ("a/__init__.py", "a/_c.pyx", "a/a.pyi", "a/tests/test_a.py", "bin/a", "a/__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    package.tidy(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        "a/__init__.py"
    ]


def _another_authority() -> str:
    """A root that is none of Amazon's, from certifi."""
    import certifi

    text = Path(certifi.where()).read_text("utf-8")
    _, _, rest = text.partition('# Label: "ISRG Root X1"')
    assert rest
    return rest[rest.index("-----BEGIN") : rest.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
