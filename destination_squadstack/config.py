"""The configuration, checked once and turned into frozen typed objects.

`spec.json` is the truth: it holds every field's rules and its default. A field of the objects below is called what the
config's field is called.

To add a field:

1. Write its entry in `spec.json`. In `squadstack` and `contact_center`, which Airbyte's form shows as a choice, it
   stands twice, and its rules a third time under `dependencies`; tests of the specification name a place that differs.
2. Add a line to the class of its section: its name and type, and `| None = None` if it is neither required nor has a
   default in the specification.
3. Where only code can say that a value contradicts another, add a sentence to `contradictions` in `config_checks.py`.
4. Run `make docs`, which writes the tables of fields anew, and `make spec-form PICTURES=docs/images`.

Problems are sentences that name the field as a path (squadstack.token, streams[0].ref_id) and never quote its value:
the CDK's own validation does quote it, which is why it is not used here.
"""

from pathlib import Path
from typing import Any

import msgspec
import orjson
from msgspec.structs import force_setattr

from destination_squadstack.errors import ConfigError
from destination_squadstack.operations import CONTACT_CENTER, OPERATIONS
from destination_squadstack.operations import Target as Needs
from destination_squadstack.record_rules.field_map import MappedField
from destination_squadstack.record_rules.filters import FieldCondition
from destination_squadstack.record_rules.phone_numbers import PhoneNumbers
from destination_squadstack.record_rules.suppression import OnMatch
from destination_squadstack.record_rules.tombstones import OnDeleted
from destination_squadstack.spec import load_spec
from squadstack_common.config_errors import address_problems, problems
from squadstack_common.config_sections import filled_in, plain_schema, with_defaults

# What an operation says where the connection's sync mode decides: Airbyte's form cannot empty a choice.
BY_SYNC_MODE = "by_sync_mode"
# What an entry that leaves it empty takes from the default; campaigns are found by routing.
_INHERITED = ("api", "send_fields", "filter", "on_deleted", "deleted_field", "send", "when_gone")
_ADDRESSES = {"squadstack": "base_url", "contact_center": "portal_url"}


class Section(msgspec.Struct, frozen=True):
    """A part of the config. Its `repr` shows no values: some are secrets."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class SquadStack(Section, frozen=True):
    """How to reach the API, and how much of its allowance to use. Without the section it has no token and no user."""

    base_url: str
    calls_per_minute: int
    token: str = ""
    records_per_minute: int | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "base_url", self.base_url.rstrip("/"))


class ContactCenter(Section, frozen=True):
    """How to reach the contact center."""

    portal_url: str
    username: str
    password: str
    domain: str
    account_id: str
    add_lead_method: str

    def __post_init__(self) -> None:
        force_setattr(self, "portal_url", self.portal_url.rstrip("/"))


class Target(Section, frozen=True, kw_only=True):
    """What one entry of the config says about where records go.

    `at` is the entry's own path in the config; `api` is the default's where the entry has none; the ids are its own.
    """

    at: str
    operation: str
    api: str
    ref_id: str | None = None
    campaign_id: str | None = None
    ref_id_from: str | None = None
    campaign_id_from: str | None = None
    send_fields: str
    filter: tuple[FieldCondition, ...]
    on_deleted: OnDeleted
    deleted_field: str
    send: str
    when_gone: str

    def named(self, what: Needs) -> str | None:
        """Return the id of that kind."""
        return {Needs.REF_ID: self.ref_id, Needs.CAMPAIGN_ID: self.campaign_id, Needs.NOTHING: ""}[what]

    def campaign_field(self, what: Needs) -> str | None:
        """Return the field of a record that holds the id of that kind."""
        return {Needs.REF_ID: self.ref_id_from, Needs.CAMPAIGN_ID: self.campaign_id_from}.get(what) or None


class StreamEntry(Target, frozen=True, kw_only=True):
    """An entry of `streams`."""

    stream: str
    namespace: str | None = None
    field_map: tuple[MappedField, ...]

    def __post_init__(self) -> None:
        force_setattr(self, "namespace", self.namespace or None)


class LocalStore(Section, frozen=True, tag_field="storage_type", tag="Local"):
    """A folder of this machine."""

    bucket_path: str


class S3Store(Section, frozen=True, tag_field="storage_type", tag="S3"):
    """A path in a bucket of S3 or of a compatible server."""

    s3_bucket_name: str
    s3_bucket_region: str
    access_key_id: str
    secret_access_key: str
    bucket_path: str
    s3_endpoint: str | None

    @property
    def url(self) -> str:
        """The store's address as a URL."""
        return f"s3://{self.s3_bucket_name}/{self.bucket_path.strip('/')}".rstrip("/")

    def options(self) -> dict[str, Any]:
        """Return the options that fsspec needs."""
        client = {"region_name": self.s3_bucket_region, "endpoint_url": self.s3_endpoint}
        return {
            "key": self.access_key_id,
            "secret": self.secret_access_key,
            "client_kwargs": {name: value for name, value in client.items() if value},
            # One attempt: the caller tries again, and attempts of the library would multiply with those.
            "config_kwargs": {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 1}},
        }


Store = LocalStore | S3Store


class Cleaning(Section, frozen=True):
    """The section `cleaning`: how values that SquadStack would refuse are changed."""

    phone_numbers: PhoneNumbers
    custom_values: str
    long_names: str


class Suppression(Section, frozen=True):
    """The section `suppression`: where the suppression list is, and what to do about a record on it."""

    path: str
    on_match: OnMatch


class Config(Section, frozen=True, kw_only=True):
    """The configuration."""

    squadstack: SquadStack
    contact_center: ContactCenter | None = None
    default: Target | None = None
    streams: tuple[StreamEntry, ...]
    workers: int
    linger_seconds: int
    nulls: str
    on_duplicate: str
    allow_delete: bool
    max_rejected_percent: int | None = None
    rejected_retention_days: int | None = None
    dry_run: bool
    cleaning: Cleaning
    suppression: Suppression | None = None
    max_gone_percent: int
    resend_after_days: int
    retry_rejected: bool
    delivery_log: bool
    store: Store | None = msgspec.field(name="object_storage_config", default=None)
    # Not a field of the config: what a later version may know.
    unknown_fields: tuple[str, ...]

    @property
    def targets(self) -> list[Target]:
        """All targets of the config: the default and the entries of `streams`."""
        return [*([self.default] if self.default else []), *self.streams]

    @property
    def needs_memory(self) -> bool:
        """Whether a sync has to know what earlier ones have sent."""
        return self.retry_rejected or any(
            target.send == "changed" or target.when_gone != "keep" for target in self.targets
        )

    def missing_section(self, api: str) -> str | None:
        """Return the name of the section that an API needs if it is not filled in, else None."""
        if api == CONTACT_CENTER:
            return CONTACT_CENTER if self.contact_center is None else None
        return None if self.squadstack.token else "squadstack"


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
    # It needs the types of this module.
    from destination_squadstack import config_checks as checks  # noqa: PLC0415

    if not isinstance(raw, dict):
        raise ConfigError("The config must be a JSON object.")
    published = load_spec()["connectionSpecification"]
    schema, given = plain_schema(published), filled_in(raw, published)
    if found := [*checks.blank_suppression(raw), *problems(given, schema)]:
        raise ConfigError(" ".join(found))
    config = _typed(given, schema)
    if found := [*address_problems(given, _ADDRESSES), *checks.contradictions(config)]:
        raise ConfigError(" ".join(found))
    return config


def _typed(given: dict[str, Any], schema: dict[str, Any]) -> Config:
    """Turn a config that keeps to the specification into objects."""
    filled = with_defaults({"squadstack": {}, **given}, schema)
    default = with_defaults(given.get("default", {}), schema["properties"]["default"])
    if "default" in given:
        filled["default"] = {"at": "default", **default}
    inherited = {name: default[name] for name in _INHERITED}
    filled["streams"] = [
        {"at": f"streams[{index}]", **entry, **{name: entry.get(name) or inherited[name] for name in inherited}}
        for index, entry in enumerate(filled["streams"])
    ]
    if filled.get("object_storage_config", {}).get("storage_type") == "None":
        del filled["object_storage_config"]
    filled["unknown_fields"] = sorted(set(given) - set(schema["properties"]))
    return msgspec.convert(filled, Config)


def operation_of(config: Config, target: Target, *also: str | None) -> str | None:
    """Return a target's operation: its own, else the other one given, if its API has it."""
    default = config.default.operation if config.default else None
    return next((name for name in (target.operation, *also, default) if (target.api, name) in OPERATIONS), None)


def campaign_field_by(config: Config, target: Target, needs: Needs) -> Target | None:
    """Return the entry that says in which field the records of a target name their campaigns; None if they do not.

    That is its own, or the default, unless the entry has an id of its own: what is said of a stream goes before.
    """
    if target.campaign_field(needs) is not None:
        return target
    default = config.default
    inherits = default is not None and target.named(needs) is None and default.campaign_field(needs) is not None
    return default if inherits else None
