"""The templates are made offline, whole, and without a finding that nobody gave a reason for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.packages_folder import COMPLETE
from infra.reasons import ACKNOWLEDGED
from tests.faults.dying import SOAK
from tests.infra.conftest import STAGES, SYNTH_S_MAX, synthesized
from tests.infra.templates import Templates

STACKS = {
    *("network", "data", "archive", "messaging", "identity", "migrations", "functions", "api", "after", "watching"),
}
RESOURCES_MAX = 400
"""CloudFormation takes 500: a stack that comes near is cut in two before it has to be."""
ACCEPTED = "W3005"  # a dependency that is also a reference: the CDK writes both


def test_every_stage_has_every_stack(templates: Templates) -> None:
    """origin 9: the service's stacks were written and never part of the app."""
    wanted = {f"{stage}-{name}" for stage in STAGES for name in STACKS}
    assert templates.by_stack.keys() == wanted | {"account", "prod-firewall"}


def test_no_stack_comes_near_to_what_cloudformation_takes(templates: Templates) -> None:
    assert {
        name: len(text["Resources"])
        for name, text in templates.by_stack.items()
        if len(text["Resources"]) > RESOURCES_MAX
    } == {}


def test_cdk_nag_has_looked_and_found_nothing(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    looked = {each["pluginName"] for each in report["pluginReports"]}
    assert any("AwsSolutions" in name for name in looked), looked
    assert [each for each in report["pluginReports"] if each["conclusion"] != "success"] == []


def test_every_reason_is_still_needed(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    needed = {each["reason"] for plugin in report["pluginReports"] for each in plugin.get("suppressedViolations", [])}
    assert [each.rule for each in ACKNOWLEDGED if each.reason not in needed] == []


def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    """Of stacks that both stages have, dev's stand for prod's, which `make synth` and a soak look at, too."""
    all_of_them = sorted(file.name for file in assembly.glob("*.template.json"))
    doubles = {name.replace("-dev-", "-prod-") for name in all_of_them if "-dev-" in name}
    files = [str(assembly / name) for name in all_of_them if SOAK or name not in doubles]
    lint = [str(Path(sys.executable).parent / "cfn-lint"), "--non-zero-exit-code", "informational"]
    done = subprocess.run(
        [*lint, "--ignore-checks", ACCEPTED, "--", *files],
        capture_output=True,
        text=True,
        timeout=SYNTH_S_MAX,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_what_was_made_without_the_code_cannot_be_deployed() -> None:
    if COMPLETE.exists():
        pytest.skip("the functions are packaged in this tree")
    done = synthesized("--to-deploy")
    assert done.returncode == 1
    assert "make package" in done.stderr
