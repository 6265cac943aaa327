"""An exception of unknown kind is never dropped."""

import ast

from tests.style.rules.source import Source

BROAD = frozenset({"Exception", "BaseException"})
ADVICE = "name the exceptions you expect; an unknown one is logged with its facts or goes on"


def swallowed(source: Source) -> list[str]:
    """Bare `except:`, `except Exception` that does nothing, and `suppress(Exception)`."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                found.append(source.at(node, f"bare except: {ADVICE}"))
            elif _is_broad(node.type) and all(map(_does_nothing, node.body)):
                found.append(source.at(node, f"an exception is dropped: {ADVICE}"))
        elif isinstance(node, ast.Call) and _name(node.func) == "suppress" and any(map(_is_broad, node.args)):
            found.append(source.at(node, f"suppress() of every exception: {ADVICE}"))
    return found


def _is_broad(kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(_name(each) in BROAD for each in kinds)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass | ast.Continue | ast.Break)
