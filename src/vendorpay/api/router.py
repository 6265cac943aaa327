"""From a method and a path to the operation that answers there."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from vendorpay.api.errors import MethodNotAllowed, NoSuchPath
from vendorpay.api.operation import Operation

Methods = dict[str, Operation]
Places = tuple[tuple[int, str], ...]
"""Which parts of a path are open, and what they are called."""


class Router:
    """Fixed paths win over paths with an {id}: /payments/pending is no payment's id."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._fixed: dict[tuple[str, ...], Methods] = {}
        self._open: dict[int, dict[Places, dict[tuple[str, ...], Methods]]] = {}
        """By how many parts a path has, then by which of them are open, then by the others."""
        for operation in operations:
            parts = tuple(operation.path.split("/")[1:])
            places = tuple((n, part[1:-1]) for n, part in enumerate(parts) if part[:1] == "{")
            alike = self._open.setdefault(len(parts), {}).setdefault(places, {}) if places else self._fixed
            methods = alike.setdefault(_without(parts, places), {})
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
        for places, alike in self._open.get(len(parts), {}).items():
            found = {name: parts[n] for n, name in places}
            if all(found.values()) and (methods := alike.get(_without(parts, places))) is not None:
                return methods, found
        raise NoSuchPath


def _without(parts: tuple[str, ...], places: Places) -> tuple[str, ...]:
    """A path's parts without those that are open."""
    if not places:
        return parts
    fixed = list(parts)
    for n, _ in places:
        fixed[n] = ""
    return tuple(fixed)
