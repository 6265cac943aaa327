"""SQL is written in .sql files under store/, and nowhere else."""

import ast
import re
from collections.abc import Iterator, Mapping

from tests.style.rules.source import Source, docstrings

_START = r"(?:^|;)\s*"
# Nobody shouts in prose: an upper-case keyword at the start of a line is a statement.
_SHOUTED = re.compile(
    _START + r"(?:SELECT|INSERT\s+INTO|UPDATE\s.*\bSET|DELETE\s+FROM|TRUNCATE|WITH\s.*\bAS|CREATE|ALTER|DROP"
    r"|GRANT|REVOKE|COPY|LISTEN|NOTIFY|VACUUM|ANALYZE|LOCK\s+TABLE|SET\s+(?:LOCAL|SESSION|ROLE))\s",
    re.M | re.S,
)
# In lower case it needs the rest of the statement's form, and no article: "delete from the list" is English.
_SPOKEN = re.compile(
    _START + r"(?:select\s+(?:\d|'|[\w.]+\(|.*\bfrom\s+[\w.\"]+)|insert\s+into\s+\w|update\s+[\w.\"]+\s+set\s+\w+\s*="
    r"|delete\s+from\s+\w|(?:create|alter|drop)\s+(?:table|view|index|role|user|database|schema|function|trigger)\s)",
    re.M | re.S,
)
_ARTICLE = re.compile(r"\b(?:a|an|the|this|its|your)\b", re.I)


def is_statement(text: str) -> bool:
    """Whether a string holds an SQL statement, as far as its form tells."""
    return bool(_SHOUTED.search(text) or (_SPOKEN.search(text) and not _ARTICLE.search(text)))


def sql_strings(source: Source, allowed: Mapping[str, frozenset[str]]) -> list[str]:
    """Statements in string literals; `allowed` maps a path to the beginnings of statements it may hold."""
    if source.room == "store":
        return []
    pardoned = tuple(allowed.get(source.path, frozenset()))
    found = []
    for node, text in _strings(source.tree):
        if is_statement(text) and not text.lstrip().startswith(pardoned):
            advice = "move it to a named query in store/*.sql and call the store's function"
            found.append(source.at(node, f"SQL {text.split()[:3]}: {advice}"))
    return found


def _strings(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Literals that are not docstrings; an f-string is one text, its values written as {}."""
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
            parts = [str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values]
            yield node, "".join(parts)
        elif isinstance(node, ast.Constant) and id(node) not in skipped:
            if isinstance(node.value, str):
                yield node, node.value
            elif isinstance(node.value, bytes):
                yield node, node.value.decode("utf-8", "replace")
