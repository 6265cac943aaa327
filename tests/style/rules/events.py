"""An event that we publish is whole: a struct, a use case that causes it, a test and its page (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from tests.style.rules.source import Source
from tests.style.rules.tree import Tree

ROOTS = frozenset({"PaymentEvent", "EndpointEvent", "PolicyEvent", "DelegationEvent"})
"""What events are derived from; `domain/published.py` finds them by it."""
FREE_TEXT = frozenset({"reason", "notes", "description", "url", "secret"})
"""Fields that an event must not have: it is never changed, and a person's words must stay erasable."""


def events(tree: Tree) -> Iterator[tuple[Source, ast.ClassDef]]:
    """Every event struct of the domain."""
    for source in tree.under("domain"):
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & ROOTS:
                yield source, node


def uncaused(tree: Tree) -> list[str]:
    """Events that no use case publishes."""
    causing = "\n".join(source.text for source in tree.under("usecases"))
    advice = "no use case causes it: put an EventDraft of it in the PaymentChange of the one that does"
    return _without(tree, advice, lambda name: name in causing)


def untested(tree: Tree) -> list[str]:
    """Events that no test has seen."""
    tested = "\n".join(tree.tests().values())
    return _without(tree, "no test names it: write one that finds it in the feed", lambda name: name in tested)


def without_page(tree: Tree) -> list[str]:
    """Events whose JSON Schema is not written."""

    def written(name: str) -> bool:
        return f"docs/events/{name}.json" in tree.texts

    return _without(tree, "docs/events/ has no page of it: run `make docs` and commit what it writes", written)


def with_free_text(tree: Tree) -> list[str]:
    """Fields of events that could hold somebody's words, an address or a secret."""
    advice = "an event is kept for ever and goes to others: name a code or who did it, and keep words in the audit log"
    return [
        source.at(field, f"{node.name}.{name}: {advice}")
        for source, node in events(tree)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and (name := ast.unparse(field.target)) in FREE_TEXT
    ]


def _without(tree: Tree, advice: str, known: Callable[[str], bool]) -> list[str]:
    listed: Iterable[tuple[Source, ast.ClassDef]] = events(tree)
    return [source.at(node, f"{node.name}: {advice}") for source, node in listed if not known(node.name)]
