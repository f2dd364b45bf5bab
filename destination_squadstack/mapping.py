"""The mapping of a record to the lead that is sent, or the reason why it is not sent.

This runs for every record, so what the config says is worked out once for a stream, and the usual record is a copy that
is looked at: all of its values are texts and integers, and its number, name and described fields are as they have to
be. Only what is not costs more.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from destination_squadstack.lead_schema import RecordValidator, SchemaField, fields_of, problem_of
from destination_squadstack.operations import CONTACT_CENTER, Body, Operation
from destination_squadstack.record_rules.custom_values import convert_custom_values
from destination_squadstack.record_rules.field_map import MappedField, field_mapper, hidden_names
from destination_squadstack.record_rules.field_paths import field_reader, is_key
from destination_squadstack.record_rules.filters import FieldCondition, record_filter
from destination_squadstack.record_rules.long_names import cut_name
from destination_squadstack.record_rules.phone_numbers import PhoneNumbers, is_not_indian, normalize
from destination_squadstack.record_rules.suppression import SuppressionList
from destination_squadstack.record_rules.tombstones import DELETED_AT, is_deleted
from squadstack_common.lossless_json import dump

# Added by warehouses and by PyAirbyte's cache; they describe a sync, not a lead.
_BOOKKEEPING = "_airbyte_"
# The first text after all with this prefix: two comparisons are cheaper than cutting off the prefix.
_BEYOND = "_airbyte`"
# What the API takes as it is, and almost all values are.
_TEXT_OR_INTEGER = frozenset({str, int})

SUPPRESSED = "suppressed: the number is on the suppression list"


class Deleted(Exception):  # noqa: N818 - it is an outcome of a record, not an error of the program
    """The row was deleted at its source, and nothing is to be sent for such rows."""


class StopReason(StrEnum):
    """Why a lead is disabled or deleted in place of what its stream's operation does."""

    DELETED_AT_SOURCE = "deleted at source"
    SUPPRESSED = "suppressed"


class Filtered(Exception):  # noqa: N818 - it is an outcome of a record, not an error of the program
    """The record fails a test of the config's filter: nothing is to be sent."""


class InvalidRecord(ValueError):  # noqa: N818 - it is an outcome of a record, not an error of the program
    """The record cannot be sent; the message says why without quoting it."""

    def __init__(self, reason: str, lead_id: str | None, *, about_config: bool = True, retryable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lead_id = lead_id
        # Whether many of them in a row may mean that the config is wrong.
        self.about_config = about_config
        # Whether the record as it is may be sent by a later sync.
        self.retryable = retryable


class Change(StrEnum):
    """A kind of change that cleaning made, as the report calls it."""

    NUMBERS = "numbers"
    VALUES = "values"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Which values are changed so that the API takes them; with nothing said, none is."""

    phone_numbers: PhoneNumbers = PhoneNumbers.AS_IS
    custom_values_as_text: bool = False
    cut_long_names: bool = False


@dataclass(frozen=True, slots=True)
class RecordRules:
    """The config's rules for the records of a stream, besides the names of fields."""

    filter: tuple[FieldCondition, ...] = ()
    deleted_field: str = DELETED_AT
    # Whether only those fields are sent that the field map or the operation's schema names.
    only_mapped: bool = False
    cleaning: Cleaning = Cleaning()
    suppression: SuppressionList | None = None
    # What is done to leads in place of the stream's operation, and when. Without an entry nothing is sent for them.
    instead: Mapping[StopReason, Operation] = dataclass_field(default_factory=dict)


class Lead(NamedTuple):
    """A lead: the id it is told apart by, its JSON text, whether it has to be sent alone, and why it is stopped."""

    lead_id: str
    body: bytes
    alone: bool
    stop: StopReason | None


# A third of the time of calling the class, and there are millions of them.
_new = tuple.__new__


class RecordMapper:
    """Turns records of one stream into leads of one operation."""

    def __init__(
        self,
        operation: Operation,
        field_map: Sequence[MappedField] = (),
        *,
        send_nulls: bool = False,
        mapped: frozenset[str] | None = None,
        rules: RecordRules | None = None,
        changed: Counter[Change] | None = None,
    ) -> None:
        rules = rules or RecordRules()
        schema = operation.schema
        self._key = operation.key
        self._integer_key = operation.integer_key
        # Leads that are stopped are sent by their ids alone, found as the field map says.
        self._instead = {
            reason: RecordMapper(other, field_map, mapped=mapped) for reason, other in rules.instead.items()
        }
        self._looks_for_deleted = StopReason.DELETED_AT_SOURCE in rules.instead or not operation.for_deleted_rows
        self._in_path = operation.body is Body.IN_PATH
        self._validator = RecordValidator(schema)
        fields = fields_of(schema, operation.list_requires)
        self._quick_checks = tuple((field.name, field.quick, field) for field in fields)
        self._documented = frozenset(schema["properties"])
        only = frozenset(schema["properties"]) if schema.get("additionalProperties") is False else None
        if mapped is None and rules.only_mapped:
            mapped = frozenset(field.to for field in field_map) | self._documented
        self._only = only if mapped is None else mapped if only is None else only & mapped
        self._field_map = tuple(field_map)
        self._send_nulls = send_nulls
        # Whether all fields of a record are sent under their own names.
        self._sends_all = not self._field_map and not send_nulls and self._only is None
        # The names of the fields of a record that has nothing but a lead's; those of its stream mostly have the same.
        self._usual_names: tuple[str, ...] = ()
        self._select = self._without_bookkeeping if self._sends_all else self._selector()
        self._passes = record_filter(rules.filter)
        self._deleted_field = rules.deleted_field
        # At the top of a record it is looked up where that is faster than a call.
        self._deleted_at = None if is_key(rules.deleted_field) else field_reader(rules.deleted_field)
        self._number = number_field(operation)
        cleaning = Cleaning() if operation.api == CONTACT_CENTER else rules.cleaning
        self._values_as_text = cleaning.custom_values_as_text
        self._clean = self._cleaner(cleaning)
        self._suppression = rules.suppression if operation.calls_leads else None
        # How many values cleaning has changed, by kind.
        self.changed: Counter[Change] = Counter() if changed is None else changed

    def shape(self, data: Mapping[str, Any]) -> Lead:
        """Return the lead that a record is sent as.

        Raises:
            Filtered: The record fails a test of the filter.
            Deleted: The row was deleted at its source.
            InvalidRecord: It does not fit the operation's schema, or nobody may be called at its number.
        """
        if self._passes is not None and not self._passes(data):
            raise Filtered
        if self._looks_for_deleted:
            mark = data.get(self._deleted_field) if self._deleted_at is None else self._deleted_at(data)
            if mark and is_deleted(mark):
                return self._stopped(data, StopReason.DELETED_AT_SOURCE, Deleted())
        lead = self._cleaned(data)
        if self._suppression is not None and self._suppression.forbids(lead.get(self._number)):
            rejected = InvalidRecord(SUPPRESSED, self._id_of(lead), about_config=False)
            return self._stopped(data, StopReason.SUPPRESSED, rejected)
        alone = self._check(lead)
        lead_id: str = lead[self._key]
        if lead_id.strip() != lead_id:
            # SquadStack may trim it, and would then answer for another id than was sent.
            raise InvalidRecord(f"{self._key}: has white space around it", lead_id)
        if self._integer_key:
            lead[self._key] = int(lead_id)
        try:
            return _new(Lead, (lead_id, orjson.dumps(lead), alone, None))
        except TypeError:
            return Lead(lead_id, self._dump(lead_id, lead), alone, None)

    def _cleaned(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a record that are sent, as cleaning leaves them."""
        usual = self._sends_all and _TEXT_OR_INTEGER.issuperset(map(type, data.values()))
        lead = dict(data) if usual and tuple(data) == self._usual_names else self._select(data)
        if self._clean is not None:
            self._clean(lead)
        if self._values_as_text and not usual and (count := convert_custom_values(lead, self._documented)):
            self.changed[Change.VALUES] += count
        return lead

    def _stopped(self, data: Mapping[str, Any], reason: StopReason, otherwise: Exception) -> Lead:
        """Return the lead as it is disabled or deleted; raise the outcome of its record where that is not wanted."""
        if (other := self._instead.get(reason)) is None:
            raise otherwise
        return other.shape(data)._replace(stop=reason)

    def lead_id(self, data: Mapping[str, Any]) -> str | None:
        """Return what the lead of a record is told apart by, where the record is not sent; None if it does not say."""
        return self._id_of(self._select(data))

    def _dump(self, lead_id: str, lead: Mapping[str, Any]) -> bytes:
        """Write as JSON what orjson cannot: integers beyond 64 bits, deep nesting, half of a surrogate pair."""
        # Within a text the API gets it as it came. An id it cannot be, and an address cannot hold it.
        for name in lead if self._in_path else [self._key]:
            if not _is_unicode(lead[name]):
                raise InvalidRecord(f"{name}: holds half of a surrogate pair, which is no character", lead_id)
        for name, value in lead.items():
            try:
                dump(value)
            except RecursionError:
                raise InvalidRecord(f"{name}: is nested too deeply", lead_id) from None
            except TypeError:
                raise InvalidRecord(f"{name}: holds a number that is too large", lead_id) from None
        return dump(lead)

    def _check(self, lead: dict[str, Any]) -> bool:
        """Hold a lead to the operation's schema; return whether it has to be sent alone."""
        alone = False
        for name, quick, field in self._quick_checks:
            value = lead.get(name)
            if value.__class__ in quick and value:
                continue
            if value is None and not field.required:
                # A null that is to be sent is refused in a list as it is alone, and there it costs no call of its own.
                alone = alone or (field.in_list and name not in lead)
                continue
            self._look_closer(lead, field)
        return alone

    def _look_closer(self, lead: dict[str, Any], field: SchemaField) -> None:
        value = lead.get(field.name)
        is_integer = field.as_text and value.__class__ is int
        if (not is_integer or field.strict) and (problem := problem_of(self._validator, lead)):
            raise InvalidRecord(problem, self._id_of(lead))
        if is_integer:
            lead[field.name] = str(value)

    def _id_of(self, lead: Mapping[str, Any]) -> str | None:
        lead_id = lead.get(self._key)
        return str(lead_id) if type(lead_id) in (str, int) else None

    def _cleaner(self, cleaning: Cleaning) -> Callable[[dict[str, Any]], None] | None:
        """Choose what is done to a lead before it is checked; None where that is nothing."""
        documented = self._documented
        asked = cleaning.phone_numbers is not PhoneNumbers.AS_IS
        number = self._number if asked and "phone_number" in documented else None
        strict = cleaning.phone_numbers is PhoneNumbers.STRICT
        cut = cleaning.cut_long_names and "contact_name" in documented
        if number is None and not cut:
            return None

        def clean(lead: dict[str, Any]) -> None:
            if number is not None and (given := lead.get(number)) is not None:
                if (left := normalize(given)) is not given:
                    lead[number] = left
                    # An integer has the same digits as text; that is how it is sent anyway.
                    self.changed[Change.NUMBERS] += left != str(given)
                elif strict and is_not_indian(given):
                    raise InvalidRecord(f"{number}: not a valid Indian number", self._id_of(lead))
            if cut and (left := cut_name(name := lead.get("contact_name"))) is not name:
                lead["contact_name"] = left
                self.changed[Change.NAMES] += 1

        return clean

    def _without_bookkeeping(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return all fields of a record that are a lead's and have a value."""
        lead = {k: v for k, v in data.items() if v is not None and (k >= _BEYOND or k < _BOOKKEEPING)}
        if len(lead) == len(data):
            self._usual_names = tuple(data)
        return lead

    def _selector(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Return what picks the fields that are sent, where these are not all."""
        send_nulls, only = self._send_nulls, self._only
        fill, hidden = _filler(self._field_map), hidden_names(self._field_map)

        def mapped(data: Mapping[str, Any]) -> dict[str, Any]:
            lead = {k: v for k, v in data.items() if k not in hidden and (k >= _BEYOND or k < _BOOKKEEPING)}
            lead.update(fill(data))
            if only is not None:
                lead = {k: v for k, v in lead.items() if k in only}
            return lead if send_nulls else {k: v for k, v in lead.items() if v is not None}

        return mapped


def _filler(field_map: Sequence[MappedField]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Choose the cheapest way to fill the lead's fields."""
    if not all(field.is_plain for field in field_map):
        return field_mapper(field_map)
    renames = [(field.to, field.source) for field in field_map if field.source is not None]
    return lambda data: {to: data[source] for to, source in renames if source in data}


def number_field(operation: Operation) -> str:
    """Return the field that holds the number which is called."""
    return "number" if operation.api == CONTACT_CENTER else "phone_number"


def _is_unicode(value: object) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
