"""What the CDK accepts in silence: a misspelt field, a class's field that is none, a definition nobody refers to."""

import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest
import yaml
from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.utils.yaml_loader import safe_load_yaml
from packaging.requirements import Requirement

from source_squadstack import components
from source_squadstack.cdk_fast_path.literal_evaluation import OneAtATime
from source_squadstack.components.response_body import SHAPES
from source_squadstack.manifest import MANIFEST
from test_support.project import project

TEXT = MANIFEST.read_text(encoding="utf-8")
WRITTEN = safe_load_yaml(TEXT)
RESOLVED = ManifestReferenceResolver().preprocess_manifest(WRITTEN)
SCHEMA = safe_load_yaml(pkgutil.get_data("airbyte_cdk.sources.declarative", "declarative_component_schema.yaml"))
STREAMS = RESOLVED["definitions"]["streams"]

# Not in the schema, nor a field of any class: the CDK's factory takes it from every retriever, custom ones too.
READ_BY_THE_FACTORY = {"CustomRetriever": {"partition_router"}}
# What these hold is the user's or the vendor's, not the CDK's.
FREE_FORM = {"$parameters", "connection_specification", "request_headers", "request_parameters"}
# Their names stand for what they hold; they are no components themselves.
GROUPS = {name for name, value in WRITTEN["definitions"].items() if "type" not in value}


def known_keys(node: Any) -> Iterator[tuple[str, set[str]]]:
    """Yield each component of the CDK's schema by its `type` and with its keys, wherever it is defined."""
    if isinstance(node, list):
        for item in node:
            yield from known_keys(item)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict) and isinstance(properties.get("type"), dict):
            for name in properties["type"].get("enum", []):
                yield name, set(properties)
        for value in node.values():
            yield from known_keys(value)


KEYS = {
    # A few have no `type` of their own in the schema, and go by their definition's name.
    **{name: {"type", *value["properties"]} for name, value in SCHEMA["definitions"].items() if "properties" in value},
    **dict(known_keys(SCHEMA)),
}


def nodes(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping of the resolved manifest that the CDK reads as a component or as a group of them."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from nodes(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        yield path, value
        for name, item in value.items():
            if name not in FREE_FORM:
                yield from nodes(item, f"{path}.{name}".removeprefix("."))


NODES = dict(nodes(RESOLVED))
COMPONENTS = {path: node for path, node in NODES.items() if "type" in node}


def class_of(component: dict[str, Any]) -> Any:
    return getattr(components, component["class_name"].removeprefix("source_declarative_manifest.components."))


def keys_of(component: dict[str, Any]) -> set[str]:
    """Return the keys that a component may have; a custom one's are also its class's fields."""
    own = set(get_type_hints(class_of(component))) if "class_name" in component else set()
    return KEYS[component["type"]] | READ_BY_THE_FACTORY.get(component["type"], set()) | own | {"$parameters"}


def test_every_component_is_of_a_type_that_the_cdk_has():
    assert {component["type"] for component in COMPONENTS.values()} - set(KEYS) == set()


def test_whatever_holds_components_says_its_type_for_without_one_its_keys_could_not_be_compared():
    untyped = {path for path in NODES if path not in COMPONENTS}
    assert untyped == {"definitions", *(f"definitions.{name}" for name in GROUPS)}


def test_every_key_is_one_that_the_cdk_or_the_components_class_reads():
    unknown = {path: set(node) - keys_of(node) for path, node in COMPONENTS.items()}
    assert {path: keys for path, keys in unknown.items() if keys} == {}


def test_every_class_that_the_manifest_names_is_in_components():
    named = {node["class_name"] for node in NODES.values() if "class_name" in node}
    module = "source_declarative_manifest.components"
    assert {name for name in named if not hasattr(components, name.removeprefix(f"{module}."))} == set()
    assert {name.rpartition(".")[0] for name in named} == {module}


def test_every_class_and_every_quoted_name_of_a_comment_exists():
    lines = [re.split(r"(?:^|\s)# ", line, maxsplit=1) for line in TEXT.splitlines()]
    known = set(re.findall(r"\w+", "\n".join(code for code, *_ in lines)))
    named = re.findall(
        r"`(\w+)`|\b((?:[A-Z][a-z]+){2,})\b", "\n".join(comment for _, *rest in lines for comment in rest)
    )
    assert {quoted or word for quoted, word in named} - known == set()


class RefusingTwins(yaml.SafeLoader):
    """Refuses a key that is written twice: YAML takes the last one and forgets the first."""

    def construct_mapping(self, node, deep=False):
        written = [key.value for key, _ in node.value]
        assert sorted(set(written)) == sorted(written), f"{node.start_mark}: a key is written twice"
        return super().construct_mapping(node, deep)


def test_no_key_is_written_twice():
    assert yaml.load(TEXT, RefusingTwins) == WRITTEN  # a SafeLoader


def referred(value: Any) -> Iterator[str]:
    """Yield the paths of all definitions that a part of the manifest refers to."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from referred(item)
    elif isinstance(value, str) and value.startswith("#/definitions/"):
        yield value.removeprefix("#/definitions/")


def test_every_definition_is_used_by_a_stream():
    definitions = WRITTEN["definitions"]
    written = {f"{group}/{name}" for group in GROUPS for name in definitions[group]} | (set(definitions) - GROUPS)
    used: set[str] = set()
    found = set(referred({name: value for name, value in WRITTEN.items() if name != "definitions"}))
    while found:
        used |= found
        group_and_name = [path.split("/") for path in found]
        found = {path for each in group_and_name for path in referred(at(definitions, each))} - used
    assert written - used == set()


def at(value: Any, path: list[str]) -> Any:
    """Return what lies at a path."""
    for name in path:
        value = value[name]
    return value


def test_every_stream_has_a_schema_file_and_every_schema_file_a_stream():
    assert {path.stem for path in MANIFEST.with_name("schemas").glob("*.json")} == set(STREAMS)
    assert {name: stream["name"] for name, stream in STREAMS.items()} == {name: name for name in STREAMS}


def test_every_stream_names_itself_and_a_shape_and_every_shape_is_some_streams():
    parameters = {name: stream["$parameters"] for name, stream in STREAMS.items()}
    assert {name: given["name"] for name, given in parameters.items()} == {name: name for name in STREAMS}
    assert {given["shape"] for given in parameters.values()} == set(SHAPES)
    assert {key for given in parameters.values() for key in given} == {"name", "shape"}


@pytest.mark.parametrize("name", STREAMS)
def test_a_streams_schema_has_its_primary_key_never_null_and_its_cursor(name):
    stream = STREAMS[name]
    schema = json.loads((MANIFEST.parent / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    nullable = {field for field, rule in schema["properties"].items() if "null" in rule["type"]}
    assert stream["primary_key"]
    assert set(stream["primary_key"]) - (set(schema["properties"]) - nullable) == set()
    if "incremental_sync" in stream:
        assert stream["incremental_sync"]["cursor_field"] in schema["properties"]


def test_every_requester_stops_waiting_for_a_server_that_stays_silent():
    requesters = {path: node for path, node in COMPONENTS.items() if node["type"].endswith("Requester")}
    timeouts = ("connect_timeout_in_seconds", "read_timeout_in_seconds")
    assert requesters
    assert [path for path, node in requesters.items() if not all(node.get(name, 0) > 0 for name in timeouts)] == []


def test_no_answer_is_ignored_for_its_status_alone():
    filters = {path: node for path, node in COMPONENTS.items() if node["type"] == "HttpResponseFilter"}
    reasons = ("predicate", "error_message_contains")
    assert filters
    assert [
        path
        for path, node in filters.items()
        if node["action"] in {"IGNORE", "SUCCESS"} and not any(reason in node for reason in reasons)
    ] == []


def test_the_manifests_version_is_the_cdk_that_the_project_admits():
    requirements = map(Requirement, project()["dependencies"])
    (cdk,) = [requirement for requirement in requirements if requirement.name == "airbyte-cdk"]
    assert str(cdk.specifier) == f"=={WRITTEN['version']}"


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_no_text_is_empty_for_the_connector_builders_editor_drops_those():
    assert [text for text in texts(WRITTEN) if not text.strip()] == []


def test_templates_are_evaluated_one_at_a_time(monkeypatch):
    held = []

    class Lock:
        def __enter__(self):
            held.append(True)

        def __exit__(self, *_):
            held.append(False)

    monkeypatch.setattr(OneAtATime, "_lock", Lock())
    assert JinjaInterpolation().eval("{{ config['a'] | tojson }}", {"a": "12e4"}) == "12e4"
    assert held == [True, False]
