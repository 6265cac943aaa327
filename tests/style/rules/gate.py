"""What is added to the gate is whole: a fraud signal, a condition of approval rules (CONTRIBUTING.md has the steps)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.style.rules.source import Source
from tests.style.rules.tree import Tree

SIGNALS = "domain/fraud_signals"
CONDITIONS = "domain/approval_rules"
SIGNAL_TESTS = "tests/domain/fraud/test_signals.py"
CONDITION_TESTS = "tests/domain/approval/test_policy.py"
SIGNAL_PAGE = "docs/fraud.md"
CONDITION_PAGE = "docs/approvals.md"
DOCUMENT = "domain/policy_document.py"
CLIENT = "client/policy_values.py"


def unlisted_signals(tree: Tree) -> list[str]:
    """Signals that are not asked."""
    return _unlisted(tree, SIGNALS, "Signal", "SIGNALS")


def unlisted_conditions(tree: Tree) -> list[str]:
    """Conditions that no rule can use."""
    return _unlisted(tree, CONDITIONS, "Condition", "RULES")


def untold_signals(tree: Tree) -> list[str]:
    """Signals without a test, or without a line for whoever reads a score."""
    found = []
    for source, node, code in made(tree, SIGNALS, "Signal", "code"):
        if f'"{code}"' not in tree.texts[SIGNAL_TESTS]:
            found.append(
                source.at(node, f"{code}: {SIGNAL_TESTS} lacks it: say where it speaks and where it is silent")
            )
        if f"`{code}`" not in tree.texts[SIGNAL_PAGE]:
            found.append(source.at(node, f"{code}: {SIGNAL_PAGE} lacks it: add its line to the table"))
    return found


def unpaired_conditions(tree: Tree) -> list[str]:
    """Conditions without the field of a rule's `when`, its test, its field of the client or its name on the page; and
    fields that no condition looks at."""
    ours, clients = _fields_of_when(tree, DOCUMENT), _fields_of_when(tree, CLIENT)
    found, known = [], set()
    for source, node, field in made(tree, CONDITIONS, "Condition", "field"):
        known.add(field)
        named = _camel(field)
        lacks = {
            f"add it to When in {DOCUMENT}": field not in ours,
            f"{CONDITION_TESTS} lacks it: add a row to CONDITIONS": f'"{named}":' not in tree.texts[CONDITION_TESTS],
            f"add it to When in {CLIENT}": field not in clients,
            f"{CONDITION_PAGE} lacks {named}: say what it asks for": f"`{named}`" not in tree.texts[CONDITION_PAGE],
        }
        found += [source.at(node, f"{field}: {advice}") for advice, is_so in lacks.items() if is_so]
    lone = sorted((ours | clients) - known)
    return found + [f"{DOCUMENT}: {field} is no condition: add its file to {CONDITIONS}/" for field in lone]


def _unlisted(tree: Tree, folder: str, kind: str, name: str) -> list[str]:
    """What the table of a folder does not name."""
    (table,) = [source for source in tree.under(folder) if source.path.endswith("__init__.py")]
    (rows,) = [
        node.value for node in table.tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name
    ]
    listed = {node.id for node in ast.walk(rows) if isinstance(node, ast.Name)} if rows is not None else set()
    return [
        source.at(node, f"{called} is not in {name}: add it to {folder}/__init__.py")
        for source in tree.under(folder)
        for node in source.tree.body
        if isinstance(node, ast.AnnAssign) and _is_call(node.value, kind)
        if (called := ast.unparse(node.target)) not in listed
    ]


def made(tree: Tree, folder: str, kind: str, key: str) -> Iterator[tuple[Source, ast.AST, str]]:
    """Everything of a kind that a folder makes, by one of its texts."""
    for source in tree.under(folder):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and _is_call(node, kind):
                yield from ((source, node, ast.literal_eval(told.value)) for told in node.keywords if told.arg == key)


def _is_call(node: ast.AST | None, kind: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == kind


def _fields_of_when(tree: Tree, path: str) -> set[str]:
    (source,) = [source for source in tree.package if source.path.endswith(f"vendorpay/{path}")]
    (when,) = [node for node in source.tree.body if isinstance(node, ast.ClassDef) and node.name == "When"]
    return {ast.unparse(field.target) for field in when.body if isinstance(field, ast.AnnAssign)}


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
