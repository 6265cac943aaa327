"""The example requests of the page: a curl command for each, ready for a shell that knows $URL and $TOKEN."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

JSON: Final = "application/json"
_ON: Final = " \\\n  "


def curls(method: str, path: str, told: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The commands by the name of their example; one without a name for an operation that takes no body."""
    examples = told.get("requestBody", {}).get("content", {}).get(JSON, {}).get("examples", {})
    bodies = {name: example["value"] for name, example in examples.items()} or {"": None}
    return {name: _ON.join(_words(method, path, told, parameters, body)) for name, body in bodies.items()}


def _words(
    method: str, path: str, told: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]], body: Any
) -> Iterator[str]:
    given = {kind: {each["name"]: each["example"] for each in parameters if each["in"] == kind and "example" in each}
             for kind in ("path", "query", "header")}  # fmt: skip
    for name, value in given["path"].items():
        path = path.replace("{" + name + "}", quote(str(value), safe=""))
    query = f"?{urlencode(given['query'])}" if given["query"] else ""
    verb = "curl" if method == "GET" else f"curl -X {method}"
    yield f'{verb} "$URL{path}{query}"'
    if told.get("security"):
        yield '-H "Authorization: Bearer $TOKEN"'
    for name, value in given["header"].items():
        if name != "If-None-Match":  # which would show no answer
            yield "-H " + shlex.quote(f"{name}: {value}")
    if body is not None:
        yield "-H " + shlex.quote(f"Content-Type: {JSON}")
        yield "-d " + shlex.quote(json.dumps(body, indent=2, ensure_ascii=False))
