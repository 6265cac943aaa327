"""How long a file and a function may be."""

import ast

from tests.style.rules.source import Source

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


def long_file(source: Source) -> list[str]:
    """The file, when it is above 400 lines."""
    lines = len(source.text.splitlines())
    if lines <= FILE_LINES_MAX:
        return []
    return [f"{source.path}: {lines} lines, at most {FILE_LINES_MAX}: split it by noun or verb"]


def long_functions(source: Source) -> list[str]:
    """Functions above 50 lines from `def` to the end, docstring included and decorators not."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                advice = f"{lines} lines, at most {FUNCTION_LINES_MAX}: name its steps and make them functions"
                found.append(source.at(node, f"{node.name}: {advice}"))
    return found
