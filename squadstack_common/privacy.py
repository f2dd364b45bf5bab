"""Phone numbers, names and other fields that records must not carry: hashed or dropped, at any depth.

A field is told by its name (`personal_fields`, `privacy_rules`). In fields of text the record's own number and name are
replaced (`personal_texts`). A text that holds JSON is looked into as what it holds.
"""

import re
from collections.abc import Collection, Mapping
from itertools import product
from typing import Any, Final, TypeAlias

from squadstack_common.hashes import Hashes, hmac_sha256
from squadstack_common.lossless_json import NotReadable, TooDeep, dump, load
from squadstack_common.personal_texts import FEWEST_DIGITS, Person
from squadstack_common.phone_numbers import dialled, spelled
from squadstack_common.privacy_rules import (
    IMPERSONAL,
    LABELS,
    NAMES,
    NUMBERS,
    PERSON,
    VALUES,
    FieldRule,
    Plan,
    PrivacyRules,
    Shape,
    dropped,
    looked_into,
)
from squadstack_common.privacy_settings import Action, PrivacySettings

# What is noted of a record: what it says of its person, numbers and names; the texts that may repeat them, each as what
# holds it and where in that; and the texts of JSON, with what they held and what makes a text of that again.
Noted: TypeAlias = tuple[list[Any], list[Any], list[Any], list[Any]]
_TEXTS: Final = 2
_JSON_TEXTS: Final = 3

# Looked at for every field of every record: a module's own name is found faster than an attribute.
_KEEP: Final = Plan.KEEP
_MASK: Final = Plan.MASK
_CONTAINERS: Final[frozenset[type[Any]]] = frozenset({dict, list})
# How the texts begin that tell more than their field's name: JSON, and the addresses of calls. Many others begin with a
# letter of an address: to look at their second character takes a tenth of what the patterns below take.
_LETTERS: Final = frozenset("sStTcC")
# What may stand before JSON and says nothing: white space, and marks that nobody sees.
_BLANKS: Final = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"
_TELLING: Final = frozenset('{["<' + _BLANKS) | _LETTERS
_ADDRESSES: Final = frozenset(map("".join, product(_LETTERS, "iIeEaA\u0130\u0131")))  # the last two: other cases of i
# JSON may be quoted: a text of JSON that is itself a text of JSON, once or more.
_JSON_TEXT = re.compile(rf'[{_BLANKS}"\\]*[{{\[]')
_QUOTED_TEXT = re.compile(rf'[{_BLANKS}]*".*"[{_BLANKS}]*\Z', re.DOTALL)
_CALL_SCHEME = re.compile(r"\s*(?:\"[^\"]*\"\s*)?<?(?:sips?|tel|callto):", re.IGNORECASE)
_MAX_DEPTH = 100


class Masker:
    """Makes copies of records without what must not be in them. Any number of threads may use one."""

    def __init__(self, settings: PrivacySettings, *, keeps_hashes: bool = False) -> None:
        """Take settings without problems.

        Args:
            settings: What is to be done.
            keeps_hashes: Whether a number or name that is 64 hex digits was hashed before, by the webhook receiver.
        """
        self._salt = settings.salt
        self.rules = PrivacyRules(settings, Hashes(settings.salt, keeps_hashes=keeps_hashes))

    def masked(self, record: dict[str, Any], *, is_person: bool = True) -> dict[str, Any]:
        """Return a record as it may leave.

        Args:
            record: The record.
            is_person: Whether it is about a person: its `name` is a person's then.
        """
        try:
            return self._masked(record, PERSON if is_person else IMPERSONAL)
        except RecursionError:
            return self._masked(_cut(record, _MAX_DEPTH), PERSON if is_person else IMPERSONAL)

    def only(self, record: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
        """Return a record of which these fields alone, where the user has named them, are hashed or dropped."""
        named = {name: value for name, value in record.items() if name in names and self.rules.names(name)}
        return {**record, **self.masked(named)} if named else {**record}

    def keyed(self, identity: str, otherwise: str) -> str:
        """Return the id of a record whose id is made of what must not be known: nobody can find that out by trying.

        Args:
            identity: The id.
            otherwise: The secret to take where there is no salt.
        """
        if not any(self.rules.cleans):
            return identity
        return hmac_sha256(self._salt or otherwise)(identity)[: len(identity)]

    def _masked(self, record: dict[str, Any], of: int) -> dict[str, Any]:
        noted: Noted = ([], [], [], [])
        masked = self._object(record, of, noted)
        if noted[_TEXTS]:
            person = Person(noted[NUMBERS], noted[NAMES])
            for holder, at in noted[_TEXTS]:
                if holder[at].__class__ is str:  # else it was masked by another field's word
                    holder[at] = person.taken_out_of(holder[at])
        for holder, at, text, held, written in noted[_JSON_TEXTS]:
            if holder[at].__class__ in _CONTAINERS:
                holder[at] = text if holder[at] == held else written(holder[at]).decode()
        return masked

    def _object(self, record: dict[str, Any], of: int, noted: Noted) -> dict[str, Any]:
        shape = self.rules.shape(tuple(record), of)
        if shape.is_plain:
            for value in record.values():
                if value.__class__ is str:
                    if value[:1] in _TELLING and (value[:1] not in _LETTERS or value[:2] in _ADDRESSES):
                        break
                elif value.__class__ in _CONTAINERS:
                    break
            else:
                return record  # all of it is kept
        return self._changed(record, shape, of, noted)

    def _changed(self, record: dict[str, Any], shape: Shape, of: int, noted: Noted) -> dict[str, Any]:
        masked = dict(record)
        for name, rule, mask, says in shape.masked:
            value = record[name]
            if value.__class__ is str:  # almost always: no more than this is done about a number and a name
                noted[says].append(value)
                masked[name] = mask(value)
            elif value is not None:
                self._field(masked, name, value, rule, noted)
        for name, rule in shape.others:
            value = record[name]
            if value is not None:
                self._field(masked, name, value, rule, noted)
        self._look_into(record, masked, shape, noted)
        if shape.may_name_a_field:
            self._named_by_another(record, masked, of, noted)
        return masked

    def _look_into(self, record: Mapping[str, Any], masked: dict[str, Any], shape: Shape, noted: Noted) -> None:
        """Mask what is within the fields that are kept."""
        for name, rule in shape.kept:
            value = record[name]
            if value.__class__ is str:
                if value[:1] in _TELLING and (value[:1] not in _LETTERS or value[:2] in _ADDRESSES):
                    self._text(masked, name, value, rule, noted)
            elif value.__class__ is dict:
                masked[name] = self._object(value, rule.inside, noted)
            elif value.__class__ is list:
                self._container(masked, name, value, rule, noted)

    def _field(self, holder: Any, at: Any, value: Any, rule: FieldRule, noted: Noted) -> None:
        """Put into an object or a list what is left of a value."""
        if value.__class__ in _CONTAINERS:
            self._container(holder, at, value, rule, noted)
        elif rule.plan is _MASK or (rule.plan is Plan.MASK_NUMBERS and _reads_like_a_number(value)):
            if rule.says is not None:
                noted[rule.says].append(value)
            holder[at] = rule.mask(value)
        elif value.__class__ is str:
            self._text(holder, at, value, rule, noted)

    def _text(self, holder: Any, at: Any, text: str, rule: FieldRule, noted: Noted) -> None:
        """Put into an object or a list what is left of a text that is not masked as a whole."""
        may_repeat = rule.plan is not _KEEP
        if text[:1] in _TELLING and not rule.is_key:
            seems_json = _JSON_TEXT.match(text) is not None
            if (seems_json or _QUOTED_TEXT.match(text)) and self._is_json_text(holder, at, text, rule, noted):
                return
            may_repeat = may_repeat or (seems_json and any(self.rules.cleans))
            address = self.rules.of_call_address
            if address.plan is _MASK and _CALL_SCHEME.match(text) and _reads_like_a_number(text):
                self._field(holder, at, text, address, noted)
                return
        if may_repeat:
            noted[_TEXTS].append((holder, at))

    def _is_json_text(self, holder: Any, at: Any, text: str, rule: FieldRule, noted: Noted) -> bool:
        """Mask what a text holds if it is JSON; `_masked` makes a text of it again, of one within another first."""
        try:
            held = load(text.strip(_BLANKS).encode("utf-8", "surrogatepass"), constant=dropped, beyond=str)
            if held.__class__ is str:
                holder[at] = quoted = [held]  # a list, which tells that no other field's word has masked it since
                self._text(quoted, 0, held, rule, noted)
                noted[_JSON_TEXTS].append((holder, at, text, [held], _dump_quoted))
                return True
            if not _is_deeper_than(held, _MAX_DEPTH):
                self._container(holder, at, held, rule, noted)
                noted[_JSON_TEXTS].append((holder, at, text, held, dump))
                return True
        except (TooDeep, RecursionError):
            pass
        except NotReadable:
            return False
        holder[at] = None  # nobody can tell what is in it
        return True

    def _container(self, holder: Any, at: Any, value: Any, rule: FieldRule, noted: Noted) -> None:
        if rule.is_outreach and _holds_objects(value):
            rule = looked_into(rule)
        if rule.plan is _MASK and rule.action is Action.DROP:
            _note(value, rule, noted)
            holder[at] = None
        elif value.__class__ is list:
            holder[at] = items = list(value)
            for index, item in enumerate(value):
                if item is not None:
                    self._field(items, index, item, rule, noted)
        elif rule.plan is _MASK:
            _note(value, rule, noted)
            holder[at] = _all_masked(value, rule)
        else:
            holder[at] = self._object(value, rule.inside, noted)

    def _named_by_another(self, record: Mapping[str, Any], masked: dict[str, Any], of: int, noted: Noted) -> None:
        """Mask the value of an object that has its field's name in it: `{"question": "phone", "answer": "98…"}`."""
        label = next((name for name in LABELS if isinstance(record.get(name), str)), None)
        if label is None:
            return
        rule = self.rules.of_field(record[label], of)
        if label == "name" and rule.plan is not _KEEP and not self.rules.names(label):
            masked[label] = record[label]  # no person's: it names the field
        for name in VALUES:
            if record.get(name) is not None and not self.rules.names(name):
                self._field(masked, name, record[name], rule, noted)


def _dump_quoted(quoted: list[Any]) -> bytes:
    return dump(quoted[0])


def _all_masked(value: Any, rule: FieldRule) -> Any:
    """Mask every value in an object: nobody knows what its fields are called."""
    if isinstance(value, dict):
        return {name: _all_masked(each, rule) for name, each in value.items()}
    if isinstance(value, list):
        return [_all_masked(each, rule) for each in value]
    return None if value is None else rule.mask(value)


def _note(value: Any, rule: FieldRule, noted: Noted) -> None:
    """Take note of every number or name in a value, to look for them in the record's texts."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _note(each, rule, noted)
    elif rule.says is not None and value is not None:
        noted[rule.says].append(value)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))


def _reads_like_a_number(value: Any) -> bool:
    """Tell whether a value has a phone number's digits, and no letters before them; those of an address may follow."""
    text = spelled(value)
    if text is None:
        return False
    number = dialled(text)
    return sum(map(str.isdecimal, number)) >= FEWEST_DIGITS and not any(map(str.isalpha, number))


def _is_deeper_than(value: Any, depth: int) -> bool:
    within = [value]
    for _ in range(depth):
        within = [
            each
            for holder in within
            for each in (holder.values() if isinstance(holder, dict) else holder)
            if each.__class__ in _CONTAINERS
        ]
        if not within:
            return False
    return True


def _cut(value: Any, depth: int) -> Any:
    """Return a copy of an object or a list without the objects and lists that lie deeper."""
    if value.__class__ not in _CONTAINERS:
        return value
    if depth == 0:
        return None
    if value.__class__ is dict:
        return {name: _cut(each, depth - 1) for name, each in value.items()}
    return [_cut(each, depth - 1) for each in value]
