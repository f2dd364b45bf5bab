"""Writes the tables of README and docs that repeat specs and schemas: `make docs`; `--check` fails where one is stale.

A table stands between `<!-- generated: KIND ARGUMENT… -->` and `<!-- end -->`. `TABLES` has the kinds.
"""

import difflib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from destination_squadstack.spec import load_spec
from source_squadstack.manifest import MANIFEST, load_manifest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/sources/squadstack.md", "docs/destinations/squadstack.md")
BLOCK = re.compile(r"(<!-- generated: (\S+) (.*?) -->\n).*?(<!-- end -->\n)", re.DOTALL)
Rule = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Write every page anew, or tell whether one would change; return the exit code."""
    stale = False
    for page in PAGES:
        path = ROOT / page
        before = path.read_text(encoding="utf-8")
        after = BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]](*block[3].split())}{block[4]}", before)
        if "--check" not in arguments:
            path.write_text(after, encoding="utf-8")
        elif after != before:
            stale = True
            sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), page, page))
    if stale:
        sys.stdout.write("`make docs` brings these tables up to date.\n")
    return stale


def specification(connector: str) -> Rule:
    """Return the schema of a connector's config."""
    if connector == "source":
        schema: Rule = load_manifest()["spec"]["connection_specification"]
    else:
        schema = load_spec()["connectionSpecification"]
    return schema


def config_table(connector: str) -> str:
    """Return a table of all fields: which are required, the default, the title in the form, what it may be."""
    rows = [
        f"| `{path}` | {'required' if required else ''} | {default_of(rule)} | {meaning_of(rule)} |\n"
        for path, rule, required in leaves(specification(connector))
    ]
    return f"| field | needed | default | meaning |\n|---|---|---|---|\n{''.join(rows)}"


def leaves(schema: Rule, prefix: str = "") -> Iterator[tuple[str, Rule, bool]]:
    """Yield the fields that hold a value, by path, and whether they are required of a section that is filled in."""
    for name, rule in in_order(schema):
        path = f"{prefix}{name}"
        if "properties" in rule:
            yield from leaves({**rule, "required": required_of(rule)}, f"{path}.")
        elif rule["type"] == "array" and "properties" in rule["items"]:
            yield path, rule, False
            yield from leaves(rule["items"], f"{path}[].")
        elif "oneOf" in rule:
            yield from options(rule, path)
        else:
            yield path, rule, name in schema.get("required", [])


def options(rule: Rule, path: str) -> Iterator[tuple[str, Rule, bool]]:
    """Yield the fields of a choice that has no plain fields, each once: what its options share first."""
    seen: set[str] = set()
    for option in rule["oneOf"]:
        for name, field in in_order(option):
            if name in seen or name == "mode":
                continue
            seen.add(name)
            constants = [each["properties"][name].get("const") for each in rule["oneOf"] if name in each["properties"]]
            if constants[0] is None:
                yield f"{path}.{name}", field, False
            else:
                yield f"{path}.{name}", {**rule, "default": constants[0], "enum": constants}, False


def in_order(schema: Rule) -> list[tuple[str, Rule]]:
    """Return the fields of an object in the order in which a form shows them, without the form's own `mode`."""
    fields = [(name, rule) for name, rule in schema["properties"].items() if name != "mode"]
    return sorted(fields, key=lambda field: field[1].get("order", 0))


def required_of(section: Rule) -> list[str]:
    """Return what is required of a section that is filled in."""
    for option in section.get("oneOf", ()):
        if option["properties"].get("mode", {}).get("const") == "enabled":
            return list(option["required"])
    return list(section.get("required", ()))


def default_of(rule: Rule) -> str:
    """Return a field's default as it is written in a config."""
    if rule.get("default", "") == "":
        return ""
    default = rule["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def meaning_of(rule: Rule) -> str:
    """Return a field's title in the form, with the values that it may have."""
    values = ""
    if "enum" in rule:
        values = ": " + ", ".join(f"`{value}`" for value in rule["enum"])
    elif "minimum" in rule:
        values = f": {rule['minimum']} to {rule['maximum']}" if "maximum" in rule else f": at least {rule['minimum']}"
    return f"{rule['title']}{values}"


def field_list(connector: str, *sections: str) -> str:
    """Return what is to be entered in each field of some sections, under the anchors that Airbyte's form looks for."""
    properties = specification(connector)["properties"]
    schema = {"properties": {name: properties[name] for name in sections}}
    anchors = ",".join(focused(schema))
    lines = [f"- `{path}`: {rule['description']}\n" for path, rule, _ in leaves(schema)]
    return f'<FieldAnchor field="{anchors}">\n\n{"".join(lines)}\n</FieldAnchor>\n'


def focused(schema: Rule, prefix: str = "") -> Iterator[str]:
    """Yield what Airbyte's form says is in focus: a field by its path, an option by its constant."""
    found: dict[str, None] = {}
    for name, rule in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        if "oneOf" in rule:
            for option in rule["oneOf"]:
                constant = next(field["const"] for field in option["properties"].values() if "const" in field)
                found[f"{path}[{constant}]"] = None
            for option in rule["oneOf"]:
                found |= dict.fromkeys(focused(option, f"{path}."))
        elif rule["type"] == "object":
            found |= dict.fromkeys(focused(rule, f"{path}."))
        elif "const" not in rule:
            found[path] = None
    yield from found


def stream_table(name: str) -> str:
    """Return a table of the fields of a stream."""
    schema = json.loads((MANIFEST.parent / f"schemas/{name}.json").read_text(encoding="utf-8"))
    rows = [f"| `{field}` | {type_of(rule)} | {content_of(rule)} |\n" for field, rule in schema["properties"].items()]
    return f"| field | type | what it holds |\n|---|---|---|\n{''.join(rows)}"


def content_of(rule: Rule) -> str:
    """Return a field's description without its source, and without the type that its own column has."""
    text = rule["description"].partition(" Source: ")[0]
    text = re.sub(r" (Text|UTC, RFC 3339)(?=[.]$)[.]", "", text)
    return re.sub(r"(?<=[.] )(?:Text|UTC, RFC 3339)(?:, | )([a-z(])", lambda rest: rest[1].upper(), text)


def type_of(rule: Rule) -> str:
    """Return the type of a field in words."""
    if rule.get("format") == "date-time":
        return "timestamp, UTC"
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    return " or ".join(kind for kind in kinds if kind != "null")


TABLES: dict[str, Callable[..., str]] = {"config": config_table, "fields": field_list, "stream": stream_table}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
