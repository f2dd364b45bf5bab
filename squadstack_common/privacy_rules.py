"""What is done about a field, by its name and the user's settings; learned once for each name."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final, NamedTuple

from squadstack_common.hashes import Hashes
from squadstack_common.personal_fields import OUTREACH_PREFIXES, Kind, is_about_a_person, kind_of
from squadstack_common.privacy_settings import CURSORS, RECORD_KEYS, Action, PrivacySettings

# A body that is nested too deeply to be looked into travels as this member's text.
OPAQUE_FIELD = "_json"

Mask = Callable[[Any], Any]


class Plan(Enum):
    """What is done about a field's value."""

    KEEP = auto()  # objects and lists in it are looked into
    MASK = auto()  # all of it
    MASK_NUMBERS = auto()  # if it reads like a phone number; else it is a text
    CLEAN = auto()  # a text in which the record's own number and name are replaced


@dataclass(frozen=True, slots=True, eq=False)
class FieldRule:
    """What is done about a field.

    Attributes:
        plan: What to do.
        action: Whether a value that is masked is hashed or dropped.
        kind: What the field holds.
        mask: What makes of a value what is left of it.
        says: What the value says of the person, `NUMBERS` or `NAMES`; None if nothing.
        inside: What objects in it are.
        is_outreach: Whether it may be a key of API v1 that holds what was done: objects in it are looked into.
        is_key: Whether it is a key or a cursor of records: its text is left as it is.
    """

    plan: Plan
    action: Action
    kind: Kind | None
    mask: Mask
    says: int | None
    inside: int
    is_outreach: bool
    is_key: bool


# What an object is: about a person or not, and whether every text in it is one that may repeat a number or a name.
IMPERSONAL: Final = 0
PERSON: Final = 1
TEXTS: Final = 2
_ALL = range((PERSON | TEXTS) + 1)

# What a value says of the person: places in what is noted of a record.
NUMBERS: Final = 0
NAMES: Final = 1


class Shape(NamedTuple):
    """The rules of all objects with the same fields in the same order: most records of a stream have one of few.

    Attributes:
        masked: Fields that are masked, each with its mask and what it says.
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


# An object that has its field's name in it: `{"question": "phone", "answer": "98…"}`.
VALUES: Final = ("value", "answer", "response")
LABELS: Final = (
    *("key", "name", "label", "question", "field", "title", "parameter", "attribute"),
    *("question_key", "field_name"),
)

# From the mildest to the strictest.
_STRICTNESS = list(Action)
_KEYS = frozenset((*RECORD_KEYS, *CURSORS))
# Field names are data where an object is keyed by what it holds: what is learned of them must not grow for ever.
_MAX_RULES = 10_000
_MAX_SHAPES = 1_000


class PrivacyRules:
    """The rules of fields and objects, by the user's settings."""

    def __init__(self, settings: PrivacySettings, hashes: Hashes) -> None:
        self._settings = settings
        self._hashes = hashes
        self._named = frozenset(map(_comparable, settings.fields))
        # Whether numbers and names are taken out of texts.
        self.cleans = (settings.phone_numbers is not Action.KEEP, settings.names is not Action.KEEP)
        # The address of a call, whatever its field is called.
        self.of_call_address = self.rule("phone_number", PERSON)
        self._rules: list[dict[str, FieldRule]] = [{} for _ in _ALL]
        self._shapes: list[dict[tuple[str, ...], Shape]] = [{} for _ in _ALL]

    def names(self, field: str) -> bool:
        """Tell whether the user has named a field."""
        return _comparable(field) in self._named

    def shape(self, fields: tuple[str, ...], of: int) -> Shape:
        """Return the rules of an object with these fields."""
        return self._shapes[of].get(fields) or self._learn_shape(fields, of)

    def of_field(self, name: str, of: int) -> FieldRule:
        """Return the rule of an object's field."""
        rules = self._rules[of]
        if name not in rules and len(rules) >= _MAX_RULES:
            rules.clear()
        return rules.get(name) or rules.setdefault(name, self.rule(name, of))

    def rule(self, name: str, of: int) -> FieldRule:
        """Tell what is done about a field of an object that is about a person, or is not."""
        is_person = bool(of & PERSON)
        kind = kind_of(name)
        if kind is Kind.BARE_NAME:
            kind = Kind.NAME if is_person else None
        is_number = kind in (Kind.PHONE_NUMBER, Kind.PERHAPS_PHONE_NUMBER)
        of_kind = (
            self._settings.phone_numbers if is_number else self._settings.names if kind is Kind.NAME else Action.KEEP
        )
        of_name = self._settings.fields_action if self.names(name) else Action.KEEP
        if name == OPAQUE_FIELD:
            of_name = Action.DROP
        action = max(of_kind, of_name, key=_STRICTNESS.index)
        is_text = kind is Kind.TEXT or bool(of & TEXTS and name not in RECORD_KEYS)
        if action is Action.KEEP:
            may_repeat = any(self.cleans) and (is_text or kind is Kind.PERHAPS_PHONE_NUMBER)
            plan = Plan.CLEAN if may_repeat else Plan.KEEP
        elif kind is Kind.PERHAPS_PHONE_NUMBER and of_name is Action.KEEP:
            plan = Plan.MASK_NUMBERS
        else:
            plan = Plan.MASK
        hashes = self._hashes
        hashed = hashes.of_number if is_number else hashes.of_name if kind is Kind.NAME else hashes.of_value
        says = NUMBERS if is_number and self.cleans[NUMBERS] else NAMES if self.cleans[NAMES] else None
        return FieldRule(
            plan,
            action,
            kind,
            hashed if action is not Action.DROP else dropped if of_name is action else dropped_unless_boolean,
            says if kind is Kind.NAME or is_number else None,
            (PERSON if is_about_a_person(name, is_person) else IMPERSONAL) | (TEXTS if is_text else 0),
            name.startswith(OUTREACH_PREFIXES),
            name in _KEYS,
        )

    def _learn_shape(self, names: tuple[str, ...], of: int) -> Shape:
        shapes = self._shapes[of]
        if len(shapes) >= _MAX_SHAPES:
            shapes.clear()
        rules = [(name, self.of_field(name, of)) for name in names]
        masked = [
            (name, rule, rule.mask, rule.says)
            for name, rule in rules
            if rule.plan is Plan.MASK and rule.says is not None
        ]
        others = [
            (name, rule)
            for name, rule in rules
            if rule.plan is not Plan.KEEP and (rule.plan is not Plan.MASK or rule.says is None)
        ]
        kept = [(name, rule) for name, rule in rules if rule.plan is Plan.KEEP]
        names_a_field = not set(VALUES).isdisjoint(names)
        is_plain = len(kept) == len(rules) and not names_a_field
        shapes[names] = shape = Shape(masked, others, kept, is_plain, names_a_field)
        return shape


@lru_cache(_MAX_SHAPES)
def looked_into(rule: FieldRule) -> FieldRule:
    """Return the rule by which what a field holds is looked into."""
    return replace(rule, plan=Plan.KEEP)


def dropped(_: Any) -> None:
    """Leave nothing of a value."""


def dropped_unless_boolean(value: Any) -> bool | None:
    """Leave nothing of a value but true and false, which are no number and no name: `is_mobile`, `username_taken`."""
    return value if value.__class__ is bool else None


def _comparable(field: str) -> str:
    """Return a field's name as names are compared: é may be one character, or e and an accent."""
    return unicodedata.normalize("NFC", field.strip().casefold())
