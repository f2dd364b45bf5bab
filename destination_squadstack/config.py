"""The configuration, checked once and turned into typed values.

Problems are sentences that name the field as a path (squadstack.token, streams[0].ref_id) and never quote its value:
the CDK's own validation does quote it, which is why it is not used here.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from jsonschema import Draft7Validator, validators
from jsonschema.exceptions import ValidationError

from destination_squadstack.errors import ConfigError
from destination_squadstack.mapping import Rename
from destination_squadstack.operations import (
    APIS,
    CONTACT_CENTER,
    CRM_V2,
    OPERATIONS,
    offered_by,
)
from destination_squadstack.operations import (
    Target as Needs,
)
from destination_squadstack.rejected_records.storage_settings import LocalStore, Store, parse_store

SPEC = Path(__file__).with_name("spec.json")
_ENABLED, _DISABLED = "enabled", "disabled"
# What an operation says where the connection's sync mode decides: Airbyte's form cannot empty a choice.
_BY_SYNC_MODE = "by_sync_mode"


@dataclass(frozen=True, slots=True)
class SquadStack:
    """How to reach the API, and how much of its allowance to use. Without the section it has no token and no user."""

    token: str
    base_url: str
    calls_per_minute: int
    records_per_minute: int | None


@dataclass(frozen=True, slots=True)
class ContactCenter:
    """How to reach the contact center."""

    portal_url: str
    username: str
    password: str
    domain: str
    account_id: str
    add_lead_method: str


@dataclass(frozen=True, slots=True)
class Target:
    """What one entry of the config says about where records go. `at` is the entry's own path in the config.

    `api` is the default's where the entry has none; the ids are the entry's own.
    """

    at: str
    operation: str | None
    api: str
    ref_id: str | None
    campaign_id: str | None = None

    def named(self, what: Needs) -> str | None:
        """Return the id of that kind."""
        return {Needs.REF_ID: self.ref_id, Needs.CAMPAIGN_ID: self.campaign_id, Needs.NOTHING: ""}[what]


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """The config's word on one stream."""

    stream: str
    namespace: str | None
    target: Target
    renames: tuple[Rename, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the user has decided."""

    squadstack: SquadStack
    contact_center: ContactCenter | None
    default: Target | None
    streams: tuple[StreamEntry, ...]
    workers: int
    linger_seconds: int
    send_nulls: bool
    ignore_duplicates: bool
    allow_delete: bool
    max_rejected_percent: int | None
    dry_run: bool
    store: Store | None
    unknown_fields: tuple[str, ...]


@cache
def load_spec() -> dict[str, Any]:
    """Read the connector's specification."""
    spec: dict[str, Any] = orjson.loads(SPEC.read_bytes())
    return spec


@cache
def plain_schema() -> dict[str, Any]:
    """Return the published schema without what Airbyte's form needs: every object below the top is closed.

    A section that may be left out is an object with its required fields, where the published one is a choice:
    a choice's errors name no field.
    """
    schema: dict[str, Any] = load_spec()["connectionSpecification"]
    return {**schema, "properties": {name: _closed(_without_choice(r)) for name, r in schema["properties"].items()}}


def _modes(section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the options of a section that Airbyte's form can leave out, by their mode."""
    options: list[Mapping[str, Any]] = section.get("oneOf", [])
    return {option["properties"]["mode"]["const"]: option for option in options if "mode" in option["properties"]}


def _without_choice(section: Mapping[str, Any]) -> Mapping[str, Any]:
    options = _modes(section)
    if not options:
        return section
    rules = {name: rule for name, rule in section.items() if name not in {"oneOf", "dependencies"}}
    fields = {**section["properties"], "mode": {"enum": list(options)}}
    return {**rules, "required": options[_ENABLED]["required"], "properties": fields}


def _closed(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field's rules with every object in them closed: a misspelt field must not be passed over."""
    closed = {name: value for name, value in rule.items() if name != "dependencies"}
    if "properties" in rule:
        closed["properties"] = {name: _closed(field) for name, field in rule["properties"].items()}
        closed["additionalProperties"] = False
    if "oneOf" in rule:
        closed["oneOf"] = [_closed(option) for option in rule["oneOf"]]
    if "items" in rule:
        closed["items"] = _closed(rule["items"])
    return closed


def read_json(path: str, what: str) -> Any:
    """Read a JSON file that was named on the command line.

    Raises:
        ConfigError: It cannot be read or is not JSON.
    """
    try:
        return orjson.loads(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"The {what} file cannot be read: {error.strerror}.") from None
    except orjson.JSONDecodeError:
        raise ConfigError(f"The {what} file is not JSON.") from None


def parse_config(raw: Any) -> Config:
    """Check a configuration.

    Raises:
        ConfigError: It cannot be used; all problems are named.
    """
    schema = plain_schema()
    if not isinstance(raw, dict):
        raise ConfigError("The config must be a JSON object.")
    given = _without_modes(_without_shells(raw, schema["properties"]))
    if problems := list(_problems(schema, given)):
        raise ConfigError(" ".join(problems))
    config = _typed(given, schema["properties"])
    addresses = {"squadstack.base_url": config.squadstack.base_url}
    if config.contact_center is not None:
        addresses["contact_center.portal_url"] = config.contact_center.portal_url
    problems = [
        f"{at} is not an address that a host can have." for at, url in addresses.items() if not _is_address(url)
    ]
    if problems := [*problems, *_missing_sections(config, given), *_contradictions(config)]:
        raise ConfigError(" ".join(problems))
    return config


def _without_modes(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out sections that are switched off, and of the others the mode: without one a section is on as well."""
    given = dict(raw)
    for name, rule in load_spec()["connectionSpecification"]["properties"].items():
        value = raw.get(name)
        if not isinstance(value, dict) or not _modes(rule):
            continue
        if value.get("mode") == _DISABLED:
            del given[name]
        elif value.get("mode") == _ENABLED:
            given[name] = {field: content for field, content in value.items() if field != "mode"}
    return given


def _without_shells(raw: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out sections that a form created and nobody filled in: nothing but defaults in them."""
    shells = {
        "squadstack": ("token",),
        "contact_center": ("portal_url", "username", "password", "domain", "account_id"),
        "default": ("ref_id", "campaign_id", "operation"),
        "object_storage_config": ("storage_type",),
    }
    given = {name: value for name, value in raw.items() if value is not None}
    for section, essentials in shells.items():
        value = given.get(section)
        if not isinstance(value, dict) or any(value.get(name) not in (None, "", _BY_SYNC_MODE) for name in essentials):
            continue
        rules = properties[section].get("properties", {})
        if all(
            content in (None, "") or content == rules.get(name, {}).get("default") for name, content in value.items()
        ):
            del given[section]
    return given


def _problems(schema: Mapping[str, Any], value: Any) -> Iterator[str]:
    for error in sorted(
        _Validator(schema).iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path]
    ):
        if error.validator == "oneOf":
            yield from _choice_problems(error)
        else:
            yield _sentence(error, _path(error.absolute_path))


def _matches(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """Check a pattern as browsers do: Python's "$" also allows a line break at the end, as pasted tokens have it."""
    if isinstance(value, str) and (
        re.search(pattern, value) is None or (pattern.endswith("$") and value.endswith("\n"))
    ):
        yield ValidationError("does not match")


# 4.0 is an integer for JSON schema, and a TypeError for what counts with it.
_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft7Validator,
    {"pattern": _matches},
    type_checker=Draft7Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def _choice_problems(error: ValidationError) -> Iterator[str]:
    """Explain a failed oneOf by the option that its constant names."""
    at = _path(error.absolute_path)
    options: Any = error.validator_value
    key = next(name for name, rule in options[0]["properties"].items() if "const" in rule)
    by_constant = {option["properties"][key]["const"]: option for option in options}
    chosen = error.instance.get(key) if isinstance(error.instance, dict) else None
    if not isinstance(chosen, str) or chosen not in by_constant:
        yield f"{at}.{key} must be one of: {', '.join(by_constant)}."
        return
    for inner in _Validator(by_constant[chosen]).iter_errors(error.instance):
        yield _sentence(inner, ".".join([at, *map(str, inner.absolute_path)]))


def _sentence(error: ValidationError, at: str) -> str:
    rule: Any = error.schema
    value: Any = error.validator_value
    given: Any = error.instance
    match error.validator:
        case "required":
            # One error for each missing field, told apart by their texts alone.
            missing = next(name for name in value if error.message.startswith(f"'{name}'"))
            at, says = _join(at, missing), "is missing"
        case "additionalProperties":
            at, says = _join(at, min(set(given) - set(rule["properties"]))), "is not a field that this connector knows"
        case "pattern":
            says = f"must look like this: {rule.get('pattern_descriptor', value)}"
        case "enum":
            says = f"must be one of: {', '.join(value)}"
        case "minimum":
            says = f"must be at least {value}"
        case "maximum":
            says = f"must be at most {value}"
        case "minLength":
            says = "is empty"
        case "type":
            says = f"must be {'an' if value[0] in 'aio' else 'a'} {value}"
        case _:
            says = f"breaks the rule '{error.validator}' of the specification"
    return f"{at} {says}."


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _path(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _typed(given: Mapping[str, Any], properties: Mapping[str, Any]) -> Config:
    def value(name: str) -> Any:
        return given.get(name, properties[name].get("default"))

    api = given.get("squadstack", {})
    portal = given.get("contact_center")
    rules = properties["squadstack"]["properties"]
    default = given.get("default")
    return Config(
        squadstack=SquadStack(
            token=api.get("token", ""),
            base_url=api.get("base_url", rules["base_url"]["default"]).rstrip("/"),
            calls_per_minute=api.get("calls_per_minute", rules["calls_per_minute"]["default"]),
            records_per_minute=api.get("records_per_minute"),
        ),
        contact_center=None if portal is None else _contact_center(portal, properties["contact_center"]["properties"]),
        default=None if default is None else _target(default, "default", CRM_V2),
        streams=tuple(
            StreamEntry(
                stream=entry["stream"],
                namespace=entry.get("namespace") or None,
                target=_target(entry, f"streams[{index}]", (default or {}).get("api", CRM_V2)),
                renames=tuple(Rename(to=field["to"], source=field["from"]) for field in entry.get("field_map", [])),
            )
            for index, entry in enumerate(given.get("streams", []))
        ),
        workers=value("workers"),
        linger_seconds=value("linger_seconds"),
        send_nulls=value("nulls") == "send",
        ignore_duplicates=value("on_duplicate") == "ignore",
        allow_delete=value("allow_delete"),
        max_rejected_percent=value("max_rejected_percent"),
        dry_run=value("dry_run"),
        store=parse_store(given.get("object_storage_config", {})),
        unknown_fields=tuple(sorted(set(given) - set(properties))),
    )


def _contact_center(section: Mapping[str, Any], rules: Mapping[str, Any]) -> ContactCenter:
    return ContactCenter(
        portal_url=section["portal_url"].rstrip("/"),
        username=section["username"],
        password=section["password"],
        domain=section["domain"],
        account_id=section["account_id"],
        add_lead_method=section.get("add_lead_method", rules["add_lead_method"]["default"]),
    )


def _target(entry: Mapping[str, Any], at: str, api: str) -> Target:
    operation = entry.get("operation")
    return Target(
        at=at,
        operation=None if operation == _BY_SYNC_MODE else operation,
        api=entry.get("api", api),
        ref_id=entry.get("ref_id"),
        campaign_id=entry.get("campaign_id"),
    )


def operation_of(config: Config, target: Target, *also: str | None) -> str | None:
    """Return what a target does: its own operation, or what else is asked for, as far as its API offers it."""
    default = config.default.operation if config.default else None
    return next((name for name in (target.operation, *also, default) if (target.api, name) in OPERATIONS), None)


def _missing_sections(config: Config, given: Mapping[str, Any]) -> Iterator[str]:
    """A section is needed by whoever uses it, and by nobody else."""
    used = {target.api for target in _targets(config)}
    for api in APIS:
        section = CONTACT_CENTER if api == CONTACT_CENTER else "squadstack"
        if api in used and section not in given:
            yield f"{section} is missing: the api {api} needs it."


def _contradictions(config: Config) -> Iterator[str]:
    """What a JSON schema that Airbyte's form can render cannot say."""
    if config.default is None and not config.streams:
        yield "default and streams are both empty: fill in one of them, so that records have somewhere to go."
    for target in _targets(config):
        yield from _wrong_target(config, target)
    seen: set[tuple[str, str | None]] = set()
    for entry in config.streams:
        at = entry.target.at
        if (entry.stream, entry.namespace) in seen:
            yield f"{at}.stream names a stream that an earlier entry names already."
        seen.add((entry.stream, entry.namespace))
        targets = [rename.to for rename in entry.renames]
        if len(set(targets)) < len(targets):
            yield f"{at}.field_map fills one field twice."
    if isinstance(config.store, LocalStore) and os.environ.get("DEPLOYMENT_MODE", "").lower() == "cloud":
        yield "object_storage_config.storage_type Local keeps nothing on Airbyte Cloud: choose another store."


_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|\S*:\S*")


def _is_address(url: str) -> bool:
    """Tell whether an address has a host and port that can be; requests ends in errors of its own over others."""
    try:
        parts = urlsplit(url)
        return bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError:
        return False


def _wrong_target(config: Config, target: Target) -> Iterator[str]:
    at, offered = target.at, offered_by(target.api)
    if target.operation is not None and target.operation not in offered:
        yield f"{at}.operation must be one of these with the api {target.api}: {', '.join(offered)}."
        return
    name = operation_of(config, target)
    if name is None and target.api == CONTACT_CENTER:
        yield f"{at}.operation is missing: with the api {target.api} it must be one of {', '.join(offered)}."
        return
    operation = OPERATIONS[target.api, name or offered[0]]
    needs = operation.target
    if target.named(needs) is None and (config.default is None or config.default.named(needs) is None):
        who = operation.name if target.api == CONTACT_CENTER else target.api
        yield f"{at}.{needs.value} is missing: {who} needs it."
    if operation.needs_allow_delete and target.operation is not None and not config.allow_delete:
        yield (
            f"{at}.operation is {target.operation}, which purges leads for ever: "
            "set allow_delete to true if that is meant."
        )


def _targets(config: Config) -> Iterator[Target]:
    if config.default is not None:
        yield config.default
    for entry in config.streams:
        yield entry.target
