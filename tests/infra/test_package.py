"""What is packaged for Lambda is whole, small, and knows whom to trust."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from infra import package, packed_code
from infra.package import AMAZON_ROOTS, HOT_BYTES_MAX, LAYERS, Refused, bytes_in
from infra.packed_code import NOT_ON_LAMBDA, ONLY_AT_THE_TOP, copy_code, copy_hot_code, hot_modules
from infra.packed_here import OLDER_PYTHONS_TOO, pack_here
from tests.infra.test_settings import AS_DEPLOYED
from tests.style.rules.source import ROOT
from vendorpay.entrypoints.aws.functions import FUNCTIONS, Function
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
    copy_code(folder)
    return folder


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What a hot function gets, the service's code and libraries, compiled for this machine."""
    return pack_here(tmp_path_factory.mktemp("hot"))


def imported(row: Function, *places: Path) -> tuple[set[str], set[str]]:
    """What a function has loaded when it asks for work: files of ours, and the names of others' packages."""
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
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = [sys.executable, "-c", IMPORTING, row.handler.rpartition(".")[0]]
    done = subprocess.run(argv, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads(done.stdout)
    return set(ours), set(theirs)


@pytest.mark.parametrize("module", HANDLERS)
def test_every_function_starts_with_what_is_packaged_and_with_nothing_else(code: Path, module: str) -> None:
    row = next(row for row in FUNCTIONS if row.handler.startswith(module))
    ours, theirs = imported(row, code)
    assert ours
    assert all(Path(file).is_relative_to(code) for file in ours)
    layers = {"core", "outbound"} if "reach_the_internet" in row.rights else {"core"}
    packaged = {name for layer in layers for name in LAYERS[layer]} | set(OLDER_PYTHONS_TOO)
    assert {name for name in theirs if not name.startswith("_")} <= {name.replace("-", "_") for name in packaged}


def test_a_hot_function_starts_with_its_part_of_the_code(hot: tuple[Path, Path]) -> None:
    for row in (row for row in FUNCTIONS if row.hot):
        ours, theirs = imported(row, *hot)
        assert ours
        assert all(Path(file).is_relative_to(hot[0]) for file in ours)
        assert not theirs, "all that is not the service's own comes from the packaged libraries, too"


def test_a_hot_function_is_small(hot: tuple[Path, Path]) -> None:
    """With this machine's libraries; `make package` refuses those of arm64 that are larger."""
    assert HOT_BYTES_MAX <= 15_000_000
    assert bytes_in(*hot) <= HOT_BYTES_MAX


def test_what_hot_functions_import_later_is_packaged_too() -> None:
    packaged = hot_modules()
    assert "vendorpay.usecases.fraud_reads" in packaged, "usecases.deps imports it when it is asked for"
    assert not {"vendorpay.api.openapi", "vendorpay.api.operations.webhooks", "vendorpay.store.migrations"} & packaged
    assert packaged >= ONLY_AT_THE_TOP, "an exception that nobody needs"


def test_what_is_imported_for_types_alone_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vendorpay").mkdir()
    for name in ("__init__", "one", "two", "three", "four"):
        (tmp_path / f"vendorpay/{name}.py").touch()
    (tmp_path / "vendorpay/one.py").write_text(
        "from typing import TYPE_CHECKING\nimport vendorpay.two\n"
        "if TYPE_CHECKING:\n    from vendorpay import three\n"
        "class A:\n    def b(self):\n        try:\n            from vendorpay.four import c\n"
        "        finally:\n            pass\n"
    )
    monkeypatch.setattr(packed_code, "SOURCE", tmp_path)
    assert set(packed_code.imports_of("vendorpay.one")) == {"vendorpay", "vendorpay.two", "vendorpay.four"}
    monkeypatch.setattr(packed_code, "ONLY_AT_THE_TOP", frozenset({"vendorpay.one"}))
    assert set(packed_code.imports_of("vendorpay.one")) == {"vendorpay", "vendorpay.two"}


def test_the_sql_of_hot_functions_is_packaged(tmp_path: Path) -> None:
    copy_hot_code(tmp_path)
    store = ROOT / "src" / "vendorpay" / "store"
    assert {path.name for path in (tmp_path / "vendorpay/store").glob("*.sql")} == {
        path.name for path in store.glob("*.sql")
    }
    assert not (tmp_path / "vendorpay/store/migrations").exists()


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
    legal = ("a-1.dist-info/licenses/LICENSE", "a-1.dist-info/LICENSE.txt")
    installed = ("a-1.dist-info/RECORD", "a-1.dist-info/sboms/a.json", *legal)
    for name in (
        "a/__init__.py",
        "a/_c.pyx",
        "a/a.pyi",
        "a/tests/test_a.py",
        "bin/a",
        "a/__pycache__/a.pyc",
        *installed,
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    package.tidy(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"a/__init__.py", *legal}


def test_a_library_that_cannot_be_shortened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "libpq.so.5").write_bytes(b"who knows what")
    with pytest.raises(Refused, match=r"libpq\.so\.5 cannot be shortened: it is no shared object"):
        package.tidy(tmp_path)


def _another_authority() -> str:
    """A root that is none of Amazon's, from certifi."""
    import certifi

    text = Path(certifi.where()).read_text("utf-8")
    _, _, rest = text.partition('# Label: "ISRG Root X1"')
    assert rest
    return rest[rest.index("-----BEGIN") : rest.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
