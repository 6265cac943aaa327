"""The templates as CloudFormation gets them, and a few ways to look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PREFIX = "vendorpay-"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource: of which stack (`dev-data`), under which logical id."""

    stack: str
    logical_id: str
    kind: str
    properties: dict[str, Any]
    whole: dict[str, Any]

    @property
    def place(self) -> str:
        """Stack and logical id, without the stage: data/ClusterEB0386A7."""
        return f"{self.stack.split('-')[-1]}/{self.logical_id}"


@dataclass(frozen=True)
class Templates:
    """All templates of an assembly, by their stack's name without the service."""

    by_stack: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What a synthesis left in a folder."""
        files = sorted(folder.glob("*.template.json"))
        return cls({file.name.removeprefix(PREFIX).split(".")[0]: json.loads(file.read_text()) for file in files})

    def of(self, stage: str) -> Templates:
        """Those of one stage."""
        return Templates({name: text for name, text in self.by_stack.items() if name.startswith(f"{stage}-")})

    def resources(self, *kinds: str) -> list[Resource]:
        """Resources of these kinds (AWS::SQS::Queue ..), or all."""
        return [
            Resource(stack=stack, logical_id=name, kind=each["Type"], properties=each.get("Properties", {}), whole=each)
            for stack, template in self.by_stack.items()
            for name, each in template["Resources"].items()
            if not kinds or each["Type"] in kinds
        ]

    def one(self, kind: str, **properties: Any) -> Resource:
        """The only resource of a kind that has these properties."""
        found = [
            each for each in self.resources(kind) if all(each.properties.get(k) == v for k, v in properties.items())
        ]
        assert len(found) == 1, (kind, properties, [each.place for each in found])
        return found[0]


def plain(value: Any) -> str:
    """A value as text, with <what it refers to> where it refers to something."""
    if isinstance(value, dict) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Fn::Join":
            return str(argument[0].join(plain(each) for each in argument[1]))
        if function == "Ref":
            return f"<{argument}>"
        if function == "Fn::GetAtt":
            return f"<{'.'.join(argument)}>"
        if function == "Fn::ImportValue":
            return f"<{plain(argument)}>"
        if function == "Fn::Sub":
            return str(argument)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def listed(value: Any) -> list[Any]:
    """A list of what may be one or many."""
    return value if isinstance(value, list) else [] if value is None else [value]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy, wherever it stands."""

    place: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: str
    conditions: str

    @property
    def wild(self) -> list[str]:
        """Its actions that have a `*`, or all of them when a resource has one."""
        if any("*" in resource for resource in self.resources):
            return list(self.actions)
        return [action for action in self.actions if "*" in action]


def statements(resource: Resource) -> Iterator[Statement]:
    """Every statement of every policy in a resource."""
    for found in _documents(resource.properties):
        for each in listed(found["Statement"]):
            yield Statement(
                place=resource.place,
                effect=each["Effect"],
                actions=tuple(listed(each.get("Action"))),
                resources=tuple(plain(one) for one in listed(each.get("Resource"))),
                principals=json.dumps(each.get("Principal", "")),
                conditions=json.dumps(each.get("Condition", {}), sort_keys=True),
            )


def _documents(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"Statement", "Version"} <= value.keys():  # a firewall has statements of another kind
            yield value
        for each in value.values():
            yield from _documents(each)
    elif isinstance(value, list):
        for each in value:
            yield from _documents(each)
