"""HTML as a browser's parser would complain about it: what is open, what has which id, what points where."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset({"input", "meta"})
LOADING: Final = frozenset({"src", "srcset", "action", "data", "poster", "background"})


class Reading(HTMLParser):
    """Reads a page; `faults` are elements that do not close, ids that come twice, and attributes that load or run."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.faults: list[str] = []
        self.texts: dict[str, str] = {}
        self.raw: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        self.faults += [f"{name} stays open" for name, _ in self._open]
        self.faults += [f"{each} is the id of two elements" for each in set(self.ids) if self.ids.count(each) > 1]

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        self.names.append(name)
        if (own := told.get("id")) is not None:
            self.ids.append(own)
        if name in {"a", "link"}:
            self.links.append(told.get("href") or "")
        self.faults += [f"{name} {key}" for key in told if key in LOADING or key == "style" or key.startswith("on")]
        if name not in VOID:
            self._open.append((name, own))

    def handle_endtag(self, name: str) -> None:
        if not self._open or self._open[-1][0] != name:
            self.faults.append(f"</{name}> closes {self._open[-1:]}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for name, own in self._open:
            if own is not None:
                self.texts[own] = self.texts.get(own, "") + data
            if name in {"style", "script", "title"}:
                self.raw[name] = self.raw.get(name, "") + data
