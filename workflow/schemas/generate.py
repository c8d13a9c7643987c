"""Make config.schema.json and the table of all keys in config/README.md from `debye.config.Config`.

`make schema` runs it; a test fails where one of the two is out of step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from debye.config import Config

HERE = Path(__file__).resolve().parent
SCHEMA = HERE / "config.schema.json"
README = HERE.parents[1] / "config" / "README.md"
BEGIN, END = "<!-- keys: made by `make schema` -->\n", "<!-- end of keys -->"

AS = {"ablation.base": "models.{name}"}
"""Sections that have the keys of another one."""


def schema() -> dict[str, Any]:
    """JSON schema of a configuration file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def schema_text() -> str:
    """Text of config.schema.json."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def readme_text(current: str) -> str:
    """README with the table between its two marks made anew."""
    head, rest = current.split(BEGIN)
    tail = rest.split(END)[1]
    whole = schema()
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for cells in rows(whole, whole["$defs"], ""):
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return head + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + tail


def rows(
    section: dict[str, Any], definitions: dict[str, Any], place: str
) -> Iterator[tuple[str, str, str, str]]:
    """Key, value, default and meaning of everything in a section of the schema.

    Yields
    ------
    tuple of str
        Keys are dotted; `{name}` stands for a name that the user chooses, `{kind: star}` for that of a star.
    """
    for name, child in section["properties"].items():
        key = f"`{place}{name}`"
        node = resolve(section_of(child, definitions), definitions)
        default = (
            f"`{json.dumps(child['default'], ensure_ascii=False)}`" if "default" in child else "required"
        )
        members = members_of(node)
        if f"{place}{name}" in AS:
            yield key, "section", default, f"as `{AS[place + name]}`"
        elif "oneOf" in node:
            yield key, "section", default, child.get("description", "")
            for option in node["oneOf"]:
                member = resolve(option, definitions)
                stem = f"{place}{name}.{{kind: {member['properties']['kind']['const']}}}"
                yield f"`{stem}`", "section", "", first_line(member)
                yield from rows(member, definitions, f"{stem}.")
        elif "properties" in node:
            optional = default == "`null`" or default == "required"
            yield key, "section", default if optional else "", first_line(node)
            yield from rows(node, definitions, f"{place}{name}.")
        elif members is not None and "properties" in resolve(members.get("oneOf", [members])[0], definitions):
            yield key, "section by name", default, child.get("description", "")
            for option in members.get("oneOf", [members]):
                member = resolve(option, definitions)
                kind = member["properties"].get("kind", {}).get("const")
                stem = f"{place}{name}.{{name}}" if kind is None else f"{place}{name}.{{kind: {kind}}}"
                yield f"`{stem}`", "section", "", first_line(member)
                yield from rows(member, definitions, f"{stem}.")
        else:
            yield key, value_of(node, definitions), default, child.get("description", "")


def section_of(child: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the section that may stand here or be left out; anything else as it is."""
    options = [one for one in child.get("anyOf", []) if one != {"type": "null"}]
    optional = len(options) == 1 and "properties" in resolve(options[0], definitions)
    return options[0] if optional else child


def members_of(node: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of a mapping's members; None for anything else."""
    if "patternProperties" in node:
        return next(iter(node["patternProperties"].values()))
    members = node.get("additionalProperties")
    return members if isinstance(members, dict) else None


def resolve(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Node that a reference points to."""
    return definitions[node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def first_line(node: dict[str, Any]) -> str:
    """First line of a section's description."""
    return str(node.get("description", "")).split("\n", 1)[0].removesuffix(".")


def value_of(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Say in words what a key may be."""
    node = resolve(node, definitions)
    if "anyOf" in node:
        return ", or ".join(value_of(option, definitions) for option in node["anyOf"])
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return ", ".join(f"`{option}`" for option in node["enum"])
    if "prefixItems" in node:
        return "[" + ", ".join(value_of(item, definitions) for item in node["prefixItems"]) + "]"
    if node["type"] == "array":
        return f"list of {value_of(node['items'], definitions)}"
    members = members_of(node)
    if members is not None:
        names = node.get("propertyNames")
        return (
            f"{'name' if names is None else value_of(names, definitions)} → {value_of(members, definitions)}"
        )
    words = {
        "integer": "integer",
        "number": "number",
        "string": "text",
        "boolean": "`true`, `false`",
        "null": "`null`",
        "object": "section",
    }[node["type"]]
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    limits = [f"{sign} {node[limit]:g}" for limit, sign in signs.items() if limit in node]
    return " ".join([words, ", ".join(limits)]).strip()


def main() -> None:
    """Write both files."""
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    README.write_text(readme_text(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
