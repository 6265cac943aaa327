"""From a method and a path to the operation that answers there."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from vendorpay.api.errors import MethodNotAllowed, NoSuchPath
from vendorpay.api.operation import Operation

Methods = dict[str, Operation]


class Router:
    """Fixed paths win over paths with an {id}: /payments/pending is no payment's id."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._fixed: dict[tuple[str, ...], Methods] = {}
        self._open: dict[int, dict[tuple[str, ...], Methods]] = {}
        for operation in operations:
            parts = tuple(operation.path.split("/")[1:])
            paths = self._open.setdefault(len(parts), {}) if "{" in operation.path else self._fixed
            methods = paths.setdefault(parts, {})
            assert operation.method not in methods, f"two operations at {operation.method} {operation.path}"
            methods[operation.method] = operation

    def find(self, method: str, path: bytes) -> tuple[Operation, dict[str, str]]:
        """The operation, and the text of what its path leaves open.

        Raises NoSuchPath, and MethodNotAllowed with the methods that the path does answer. What is no proper
        percent-encoding comes out as text that is no id, and is refused as that.
        """
        parts = tuple(path.decode("latin-1").split("/")[1:])
        if b"%" in path:
            parts = tuple(map(unquote, parts))
        methods, found = self._methods(parts)
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise MethodNotAllowed(tuple(sorted({*methods, *(("HEAD",) if "GET" in methods else ())})))
        return operation, found

    def _methods(self, parts: tuple[str, ...]) -> tuple[Methods, dict[str, str]]:
        if (methods := self._fixed.get(parts)) is not None:
            return methods, {}
        for template, methods in self._open.get(len(parts), {}).items():
            pairs = list(zip(template, parts, strict=True))
            if all(part if name[:1] == "{" else name == part for name, part in pairs):
                return methods, {name[1:-1]: part for name, part in pairs if name[:1] == "{"}
        raise NoSuchPath
