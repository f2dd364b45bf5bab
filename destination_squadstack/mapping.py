"""From the record as it came to the lead as it is sent, and the reason when that cannot be.

This runs for every record, so the usual case is a dictionary comprehension and one class check per described field. The
JSON schema decides what is valid: the quick check is derived from it and a test holds the two together. Only a record
that fails is looked at with jsonschema, to find the words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from jsonschema import Draft7Validator, validators

from destination_squadstack.operations import Body, Operation
from squadstack_common.lossless_json import TooLarge, dump

# Added by warehouses and by PyAirbyte's cache; they describe a sync, not a lead.
_BOOKKEEPING = "_airbyte_"
# The first text beyond all that begin like that: two comparisons are cheaper than cutting off the beginning.
_BEYOND = "_airbyte`"

_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "boolean": (bool,),
    "null": (type(None),),
}
_SAYS = {
    "minLength": "may not be blank",
    "maxLength": "may have at most {} characters",
    "minimum": "must be at least {}",
}
_FORMS = {
    "^(0|[1-9][0-9]{0,39})$": "must be an integer, or text that spells one",
    "^[A-Za-z]{2}$": "must be a code of two letters",
    r"^(?!\.\.?$)[^/\\]+$": "cannot be part of an address: it is . or .. or has a / or \\ in it",
}
_NOUNS = {
    str: "text",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    TooLarge: "a number that is too large",
    dict: "an object",
    list: "a list",
}


def _is_integer(_: object, value: object) -> bool:
    """Leave out 12.0, which JSON Schema calls an integer: an id in that form may have lost digits on its way."""
    return type(value) is int


RecordValidator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft7Validator, type_checker=Draft7Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


# Filled by sources that read a change log (CDC), in a row that was deleted.
DELETED_AT = "_ab_cdc_deleted_at"


class Deleted(Exception):  # noqa: N818 - it is an outcome of a record, not an error of the program
    """The row was deleted at its source, and the operation is not for such rows: nothing is to be sent."""


class InvalidRecord(ValueError):  # noqa: N818 - it is an outcome of a record, not an error of the program
    """The record cannot be sent; the message says why without quoting it."""

    def __init__(self, reason: str, lead_id: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lead_id = lead_id


class Rename(msgspec.Struct, frozen=True):
    """A lead's field and the record's field that it is taken from."""

    to: str
    source: str = msgspec.field(name="from")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    required: bool
    # Classes of which any value will do but an empty one: none where the schema says more of it.
    quick: frozenset[type]
    as_text: bool
    strict: bool


class RecordMapper:
    """Turns records of one stream into leads of one operation."""

    def __init__(
        self,
        operation: Operation,
        renames: Sequence[Rename] = (),
        *,
        send_nulls: bool = False,
        mapped: frozenset[str] | None = None,
    ) -> None:
        schema = operation.schema
        self._key = operation.key
        self._integer_key = operation.integer_key
        self._passes_over_deleted = not operation.for_deleted_rows
        self._in_path = operation.body is Body.IN_PATH
        self._validator: Draft7Validator = RecordValidator(schema)
        self._fields = tuple(_fields(schema))
        only = frozenset(schema["properties"]) if schema.get("additionalProperties") is False else None
        self._only = only if mapped is None else mapped if only is None else only & mapped
        self._renames = tuple(renames)
        self._hidden = frozenset(rename.source for rename in renames) | frozenset(rename.to for rename in renames)
        self._send_nulls = send_nulls
        self._select = self._selector()

    def shape(self, data: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return what the lead is told apart by, and its JSON text.

        Raises:
            Deleted: The row was deleted at its source.
            Refused: The record does not fit the operation's schema.
        """
        if data.get(DELETED_AT) and self._passes_over_deleted and _is_filled(data[DELETED_AT]):
            raise Deleted
        lead = self._select(data)
        for field in self._fields:
            value = lead.get(field.name)
            if (value.__class__ in field.quick and value and not field.strict) or (
                value is None and not field.required
            ):
                continue
            self._look_closer(lead, field)
        lead_id: str = lead[self._key]
        if lead_id[0].isspace() or lead_id[-1].isspace():
            # SquadStack may trim it, and then the lead it answers for is not the lead that was sent.
            raise InvalidRecord(f"{self._key}: has white space around it", lead_id)
        if self._integer_key:
            lead[self._key] = int(lead_id)
        try:
            return lead_id, orjson.dumps(lead)
        except TypeError:
            return lead_id, self._dump(lead_id, lead)

    def _dump(self, lead_id: str, lead: Mapping[str, Any]) -> bytes:
        """Write what orjson cannot: integers beyond 64 bits, deep nesting, half of a surrogate pair."""
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

    def _look_closer(self, lead: dict[str, Any], field: _Field) -> None:
        value = lead.get(field.name)
        if not field.as_text or value.__class__ is not int or field.strict:
            stated = {k: v for k, v in lead.items() if v is not None}
            if problem := min(self._validator.iter_errors(stated), key=lambda error: list(error.path), default=None):
                lead_id = lead.get(self._key)
                raise InvalidRecord(_describe(problem), str(lead_id) if type(lead_id) in (str, int) else None)
        if field.as_text and value.__class__ is int:
            lead[field.name] = str(value)

    def _selector(self) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Choose the cheapest way to pick the fields that are sent."""
        send_nulls, hidden, renames, only = self._send_nulls, self._hidden, self._renames, self._only

        def plain(data: Mapping[str, Any]) -> dict[str, Any]:
            return {k: v for k, v in data.items() if v is not None and (k >= _BEYOND or k < _BOOKKEEPING)}

        def mapped(data: Mapping[str, Any]) -> dict[str, Any]:
            lead = {k: v for k, v in data.items() if k not in hidden and (k >= _BEYOND or k < _BOOKKEEPING)}
            lead.update({rename.to: data[rename.source] for rename in renames if rename.source in data})
            if only is not None:
                lead = {k: v for k, v in lead.items() if k in only}
            return lead if send_nulls else {k: v for k, v in lead.items() if v is not None}

        return mapped if renames or send_nulls or only is not None else plain


def _is_filled(value: object) -> bool:
    return not isinstance(value, str) or value.strip().lower() not in ("", "false")


def _is_unicode(value: object) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields(schema: Mapping[str, Any]) -> list[_Field]:
    fields = []
    for name, rule in schema["properties"].items():
        if "type" not in rule:
            continue
        kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        as_text = "string" in kinds and "integer" in kinds
        strict = not rule.keys() <= {"type", "minLength", "title", "description"}
        quick = frozenset(kind for word in kinds for kind in _CLASSES[word] if not (as_text and kind is int))
        fields.append(
            _Field(
                name=name,
                required=name in schema["required"],
                quick=frozenset() if strict else quick,
                as_text=as_text,
                strict=strict,
            )
        )
    return fields


def _describe(problem: Any) -> str:
    """Say what is wrong with a record in the words of its schema, never with its values."""
    if problem.validator == "required":
        missing = [name for name in problem.validator_value if name not in problem.instance]
        return f"{missing[0]}: this field is required"
    where = ".".join(str(part) for part in problem.path)
    if said := _SAYS.get(problem.validator):
        return f"{where}: {said.format(problem.validator_value)}"
    if problem.validator == "pattern":
        return f"{where}: {_FORMS[problem.validator_value]}"
    kinds = problem.validator_value if isinstance(problem.validator_value, list) else [problem.validator_value]
    found = _NOUNS.get(type(problem.instance), "null")
    if problem.validator == "type":
        return f"{where}: must be {' or '.join(kinds)}, is {found}"
    return f"{where}: breaks the rule '{problem.validator}' of the schema"
