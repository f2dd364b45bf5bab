"""Phone numbers, names and other fields that records must not carry: hashed or dropped, at any depth.

A field is told by its name (`personal_fields`). In fields of text the record's own number and name are replaced: an SMS
greets the person, and a note repeats the number.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from squadstack_common.personal_fields import OUTREACH_PREFIXES, Kind, is_about_a_person, kind_of
from squadstack_common.phone_numbers import e164, spelled
from squadstack_common.privacy_settings import RECORD_KEYS, Action, PrivacySettings

# A body that is nested too deeply to be looked into travels as this member's text.
OPAQUE_FIELD = "_json"

_BLOCK = 64
# From the mildest to the strictest.
_STRICTNESS = list(Action)
Mask = Callable[[Any], Any]


# What a record says of its person: numbers, and names; and the texts that may repeat them, each as what holds it and
# where in that.
Own: TypeAlias = tuple[list[Any], list[Any], list[Any]]
_NUMBERS, _NAMES, _TEXTS = 0, 1, 2


class Plan(Enum):
    """What is done about a field's value."""

    KEEP = auto()  # objects and lists in it are looked into
    MASK = auto()  # all of it
    MASK_NUMBERS = auto()  # if it reads like a phone number; else it is a text
    CLEAN = auto()  # a text in which the record's own number and name are replaced


# Looked at for every field of every record: a module's own name is found faster than an attribute.
_KEEP: Final = Plan.KEEP
_MASK: Final = Plan.MASK


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What is done about a field.

    Attributes:
        plan: What to do.
        action: Whether a value that is masked is hashed or dropped.
        kind: What the field holds.
        mask: What makes of a value what is left of it.
        of_own: Index in `Own` of what the value says of the person; None if nothing.
        is_person: Whether objects in it are about a person.
        is_outreach: Whether it may be a key of API v1 that holds what was done: objects in it are looked into.
    """

    plan: Plan
    action: Action
    kind: Kind | None
    mask: Mask
    of_own: int | None
    is_person: bool
    is_outreach: bool


_CONTAINERS: frozenset[type[Any]] = frozenset({dict, list})
# Field names are data where an object is keyed by what it holds: what is learned of them must not grow for ever.
_MAX_RULES = 10_000
_MAX_SHAPES = 1_000
_MAX_NAMES = 4_096


class _Shape(NamedTuple):
    """The rules of all objects with the same fields in the same order: most records of a stream have one of few.

    Attributes:
        masked: Fields that are masked, each with its mask and the index in `Own` of what it says.
        others: Fields that are masked or cleaned by what they hold.
        kept: Fields that are looked into if they hold more.
        is_plain: Whether there are no others than these.
        may_name_a_field: Whether a value's field may be named by another of its fields.
    """

    masked: list[tuple[str, FieldRule, Mask, int]]
    others: list[tuple[str, FieldRule]]
    kept: list[tuple[str, FieldRule]]
    is_plain: bool
    may_name_a_field: bool


class Masker:
    """Makes copies of records without what must not be in them. Any number of threads may use one."""

    def __init__(self, settings: PrivacySettings, *, keeps_hashes: bool = False) -> None:
        """Take settings without problems.

        Args:
            settings: What is to be done.
            keeps_hashes: Whether a number or name that is 64 hex digits was hashed before, by the webhook receiver.
        """
        self._settings = settings
        self._hmac = hmac_sha256(settings.salt)
        # Names repeat, within a record and among people; a number does so within a record at most.
        self._name_hmac = lru_cache(_MAX_NAMES)(self._hmac)
        self._keeps_hashes = keeps_hashes
        self._named = frozenset(name.strip().casefold() for name in settings.fields)
        self._cleans = (settings.phone_numbers is not Action.KEEP, settings.names is not Action.KEEP)
        self._rules: dict[bool, dict[str, FieldRule]] = {False: {}, True: {}}
        self._shapes: dict[bool, dict[tuple[str, ...], _Shape]] = {False: {}, True: {}}

    def masked(self, record: dict[str, Any], *, is_person: bool = True) -> dict[str, Any]:
        """Return a record as it may leave.

        Args:
            record: The record.
            is_person: Whether it is about a person: its `name` is a person's then.
        """
        own: Own = ([], [], [])
        masked = self._object(record, is_person, own)
        if own[_TEXTS]:
            _clean(own)
        return masked

    def only(self, record: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
        """Return a record of which these fields alone, where the user has named them, are hashed or dropped."""
        named = {name: value for name, value in record.items() if name in names and name.casefold() in self._named}
        return {**record, **self.masked(named)} if named else {**record}

    def keyed(self, identity: str, otherwise: str) -> str:
        """Return the id of a record whose id is made of what must not be known: nobody can find that out by trying.

        Args:
            identity: The id.
            otherwise: The secret to take where there is no salt.
        """
        if not any(self._cleans):
            return identity
        return hmac_sha256(self._settings.salt or otherwise)(identity)[: len(identity)]

    def _object(self, record: dict[str, Any], is_person: bool, own: Own) -> dict[str, Any]:
        names = tuple(record)
        shape = self._shapes[is_person].get(names) or self._learn_shape(names, is_person)
        if shape.is_plain:
            for value in record.values():
                if value.__class__ in _CONTAINERS:
                    break
            else:
                return record  # all of it is kept
        return self._changed(record, shape, is_person, own)

    def _changed(self, record: dict[str, Any], shape: _Shape, is_person: bool, own: Own) -> dict[str, Any]:
        masked = dict(record)
        for name, rule, mask, said in shape.masked:
            value = record[name]
            if value.__class__ is str:  # almost always: no more than this is done about a number and a name
                own[said].append(value)
                masked[name] = mask(value)
            elif value is not None:
                self._field(masked, name, value, rule, own)
        for name, rule in shape.others:
            value = record[name]
            if value is not None:
                self._field(masked, name, value, rule, own)
        for name, rule in shape.kept:
            value = record[name]
            if value.__class__ is dict:
                masked[name] = self._object(value, rule.is_person, own)
            elif value.__class__ is list:
                self._container(masked, name, value, rule, own)
        if shape.may_name_a_field:
            self._named_by_another(record, masked, is_person, own)
        return masked

    def _field(self, holder: Any, at: Any, value: Any, rule: FieldRule, own: Own) -> None:
        """Put into an object or a list what is left of a value."""
        if value.__class__ in _CONTAINERS:
            self._container(holder, at, value, rule, own)
        elif rule.plan is _MASK or (rule.plan is Plan.MASK_NUMBERS and _reads_like_a_number(value)):
            if rule.of_own is not None:
                own[rule.of_own].append(value)
            holder[at] = rule.mask(value)
        elif rule.plan is not _KEEP and value.__class__ is str:
            own[_TEXTS].append((holder, at))

    def _container(self, holder: Any, at: Any, value: Any, rule: FieldRule, own: Own) -> None:
        if rule.is_outreach and _holds_objects(value):
            rule = replace(rule, plan=_KEEP)
        if rule.plan is _MASK and rule.mask is _dropped:
            _note(value, rule, own)
            holder[at] = None
        elif value.__class__ is list:
            holder[at] = items = list(value)
            for index, item in enumerate(value):
                if item is not None:
                    self._field(items, index, item, rule, own)
        elif rule.plan is _MASK:
            _note(value, rule, own)
            holder[at] = _all_masked(value, rule.mask)
        else:
            left = self._object(value, rule.is_person, own)
            is_text = rule.plan is Plan.CLEAN and rule.kind is Kind.TEXT
            holder[at] = _texts_noted(left, own) if is_text else left

    def _named_by_another(self, record: Mapping[str, Any], masked: dict[str, Any], is_person: bool, own: Own) -> None:
        """Mask the value of an object that has its field's name in it: `{"question": "phone", "answer": "98…"}`."""
        label = next((name for name in _LABELS if isinstance(record.get(name), str)), None)
        if label is None:
            return
        rule = self._rule(record[label], is_person)
        if label == "name" and rule.plan is not _KEEP and label not in self._named:
            masked[label] = record[label]  # no person's: it names the field
        for name in _VALUES:
            if record.get(name) is not None and name not in self._named:
                self._field(masked, name, record[name], rule, own)

    def _learn_shape(self, names: tuple[str, ...], is_person: bool) -> _Shape:
        shapes = self._shapes[is_person]
        if len(shapes) >= _MAX_SHAPES:
            shapes.clear()
        rules = [(name, self._rule(name, is_person)) for name in names]
        masked = [
            (name, rule, rule.mask, rule.of_own)
            for name, rule in rules
            if rule.plan is _MASK and rule.of_own is not None
        ]
        others = [
            (name, rule)
            for name, rule in rules
            if rule.plan is not _KEEP and (rule.plan is not _MASK or rule.of_own is None)
        ]
        kept = [(name, rule) for name, rule in rules if rule.plan is _KEEP]
        names_a_field = not set(_VALUES).isdisjoint(names)
        is_plain = len(kept) == len(rules) and not names_a_field
        shapes[names] = shape = _Shape(masked, others, kept, is_plain, names_a_field)
        return shape

    def _rule(self, name: str, is_person: bool) -> FieldRule:
        rules = self._rules[is_person]
        if name not in rules and len(rules) >= _MAX_RULES:
            rules.clear()
        return rules.get(name) or rules.setdefault(name, self.rule(name, is_person=is_person))

    def rule(self, name: str, *, is_person: bool) -> FieldRule:
        """Tell what is done about a field of an object that is about a person, or is not."""
        kind = kind_of(name)
        if kind is Kind.BARE_NAME:
            kind = Kind.NAME if is_person else None
        is_number = kind in (Kind.PHONE_NUMBER, Kind.PERHAPS_PHONE_NUMBER)
        of_kind = (
            self._settings.phone_numbers if is_number else self._settings.names if kind is Kind.NAME else Action.KEEP
        )
        of_name = self._settings.fields_action if name.strip().casefold() in self._named else Action.KEEP
        if name == OPAQUE_FIELD:
            of_name = Action.DROP
        action = max(of_kind, of_name, key=_STRICTNESS.index)
        if action is Action.KEEP:
            is_text = kind is Kind.TEXT or kind is Kind.PERHAPS_PHONE_NUMBER
            plan = Plan.CLEAN if is_text and any(self._cleans) else _KEEP
        elif kind is Kind.PERHAPS_PHONE_NUMBER and of_name is Action.KEEP:
            plan = Plan.MASK_NUMBERS
        else:
            plan = _MASK
        hashed = self._hashed_number if is_number else self._hashed_name if kind is Kind.NAME else self._hashed
        own = _NUMBERS if is_number and self._cleans[_NUMBERS] else _NAMES if self._cleans[_NAMES] else None
        return FieldRule(
            plan,
            action,
            kind,
            _dropped if action is Action.DROP else hashed,
            own if kind is Kind.NAME or is_number else None,
            is_about_a_person(name, is_person),
            name.startswith(OUTREACH_PREFIXES),
        )

    def _hashed_number(self, value: Any) -> Any:
        # As almost all numbers look; any other costs ten times as much.
        if value.__class__ is str and _INDIAN.match(value) is not None:
            return self._hmac(value)
        return self._hashed_other_number(value)

    def _hashed_other_number(self, value: Any) -> Any:
        if value.__class__ is bool or self._is_hash(value):
            return value
        written = e164(value)
        return self._hashed(value) if written is None else self._hmac(written)

    def _hashed_name(self, value: Any) -> Any:
        if value.__class__ is not str:
            return value if value.__class__ is bool else self._hashed(value)
        return value if not value.strip() or self._is_hash(value) else self._name_hmac(value)

    def _hashed(self, value: Any) -> Any:
        if not isinstance(value, str):
            return self._hmac(json.dumps(value))
        # By `str`: the receiver's numbers are texts of a class of their own, and hashed as the number's own text.
        return self._hmac(str(value)) if value.strip() else value

    def _is_hash(self, value: Any) -> bool:
        return self._keeps_hashes and value.__class__ is str and _HASH.fullmatch(value) is not None


_INDIAN = re.compile(r"\+91[1-9][0-9]{9}\Z")
_HASH = re.compile("[0-9a-f]{64}")
_VALUES = ("value", "answer", "response")
_LABELS = ("key", "name", "label", "question", "field", "title", "parameter", "attribute", "question_key", "field_name")


def _dropped(_: Any) -> None:
    return None


def _all_masked(value: Any, mask: Mask) -> Any:
    """Mask every value in an object: nobody knows what its fields are called."""
    if isinstance(value, dict):
        return {name: _all_masked(each, mask) for name, each in value.items()}
    if isinstance(value, list):
        return [_all_masked(each, mask) for each in value]
    return None if value is None else mask(value)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))


_FEWEST_DIGITS = 7


def _reads_like_a_number(value: Any) -> bool:
    """Tell whether a value has a phone number's digits, and no letters before them; those of an address may follow."""
    text = spelled(value)
    if text is None:
        return False
    number = text.casefold().removeprefix("sip:").removeprefix("tel:").partition("@")[0]
    digits = sum(map(str.isdecimal, number))
    return digits >= _FEWEST_DIGITS and not any(map(str.isalpha, number))


def _note(value: Any, rule: FieldRule, own: Own) -> None:
    """Take note of every number or name in a value, to look for them in the record's texts."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _note(each, rule, own)
    elif rule.of_own is not None and value is not None:
        own[rule.of_own].append(value)


def _texts_noted(value: Any, own: Own) -> Any:
    """Return a copy of what a field of text holds, with every text in it noted: `{"en": "Hello Asha", "hi": "…"}`.

    The keys of records stay as they are: a lead is found by its id.
    """
    is_object = value.__class__ is dict
    copied: Any = dict(value) if is_object else list(value)
    for at, each in list(copied.items() if is_object else enumerate(copied)):
        if each.__class__ in _CONTAINERS:
            copied[at] = _texts_noted(each, own)
        elif each.__class__ is str and at not in RECORD_KEYS:
            own[_TEXTS].append((copied, at))
    return copied


# ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

NUMBER_REPLACED, NAME_REPLACED = "[phone number]", "[name]"
# How much of a number is looked for: behind the country's code, or what there is.
_LOCAL_DIGITS = 10
# A name's initials are everywhere.
_SHORTEST_WORD = 3


def _clean(own: Own) -> None:
    """Replace a record's own numbers and names in its texts."""
    numbers = _numbers_pattern(own[_NUMBERS])
    names = _names_pattern(own[_NAMES])
    for holder, at in own[_TEXTS]:
        text: str = holder[at]
        if numbers is not None:
            text = numbers.sub(NUMBER_REPLACED, text)
        if names is not None:
            text = names.sub(NAME_REPLACED, text)
        holder[at] = text


def _numbers_pattern(numbers: Iterable[Any]) -> re.Pattern[str] | None:
    """Return what finds numbers in any spelling, with the country's code or without."""
    found = {"".join(filter(str.isdecimal, str(each)))[-_LOCAL_DIGITS:] for each in numbers}
    parts = [r"\W{0,3}".join(each) for each in sorted(found) if len(each) >= _FEWEST_DIGITS]
    return re.compile(rf"\+?(?:\d{{1,4}}\W{{0,3}})?(?:{'|'.join(parts)})") if parts else None


def _names_pattern(names: Iterable[Any]) -> re.Pattern[str] | None:
    """Return what finds names, whole and in parts; a part as a word of its own."""
    whole = {name for name in (str(each).strip() for each in names) if len(name) >= _SHORTEST_WORD}
    parts = {word for name in whole for word in re.split(r"\W+", name) if len(word) >= _SHORTEST_WORD}
    found = sorted({*(re.sub(r"\W+", r"\\W+", name) for name in whole), *map(re.escape, parts)}, key=len)
    if not found:
        return None
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(reversed(found))})(?![^\W_])", re.IGNORECASE)


# ── hashes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def hmac_sha256(salt: str) -> Callable[[str], str]:
    """Return what makes HMAC-SHA256 over a salt, as 64 hex digits.

    The library's own takes four times as long: it makes the two halves of the key anew for each text.
    """
    key = salt.encode()
    key = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    copy_inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key)).copy
    copy_outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key)).copy

    def hexdigest(text: str) -> str:
        inner, outer = copy_inner(), copy_outer()
        try:
            inner.update(text.encode())
        except UnicodeEncodeError:  # half of a surrogate pair; to ask for it each time costs more
            inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()

    return hexdigest
