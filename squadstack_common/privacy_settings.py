"""The user's word on privacy: what is done about phone numbers, names and other fields, and what cannot be done."""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from squadstack_common.phone_numbers import library


class Action(StrEnum):
    """What is done about a field's value. Of two that apply to one field, the later of these is taken."""

    KEEP = "keep"
    HASH = "hash"
    DROP = "drop"


# The keys of the streams' records, and the cursors that a sync goes on by.
RECORD_KEYS = ("campaign_id", "lead_id", "id", "queue_id", "event_id", "activity_id", "recording_url")
CURSORS = ("processed_at", "timestamp", "sequence")
# The one key that is the customer's own: it may be a number or an address. By the others is asked and paged.
HASHABLE_KEYS = frozenset({"lead_id"})


# Of random letters and digits, nobody can try all of these.
SHORTEST_SALT = 16


class PrivacySettings(NamedTuple):
    """The user's word on it."""

    phone_numbers: Action = Action.KEEP
    names: Action = Action.KEEP
    fields: tuple[str, ...] = ()
    fields_action: Action = Action.DROP
    salt: str = ""

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "PrivacySettings":
        """Read a section of a config that keeps to its specification."""
        given = {name: value for name, value in section.items() if value is not None}
        return cls(
            phone_numbers=Action(given.get("phone_numbers", Action.KEEP)),
            names=Action(given.get("names", Action.KEEP)),
            fields=tuple(given.get("fields", ())),
            fields_action=Action(given.get("fields_action", Action.DROP)),
            salt=given.get("salt", ""),
        )

    @property
    def changes_anything(self) -> bool:
        """Whether anything is hashed or dropped at all."""
        return any(action is not Action.KEEP for action in self.actions)

    @property
    def actions(self) -> tuple[Action, ...]:
        """What is done about numbers, names, and the fields that are named, if any are."""
        return self.phone_numbers, self.names, *((self.fields_action,) if self.fields else ())

    @property
    def salt_is_short(self) -> bool:
        """Whether something is hashed with a salt that can be found by trying: whose hash is whose, can be then too."""
        return Action.HASH in self.actions and len(self.salt) < SHORTEST_SALT

    def problems(self, keys: Collection[str] = (*RECORD_KEYS, *CURSORS)) -> Iterator[tuple[str, str]]:
        """Yield what cannot be done: the setting's name and what is wrong with it."""
        if Action.HASH in self.actions and not self.salt.strip():
            yield "salt", "is missing: without a secret, whoever knows all phone numbers knows whose hash is whose"
        for number, name in enumerate(self.fields if self.fields_action is not Action.KEEP else ()):
            key = name.strip().casefold()
            if key in keys and (self.fields_action is Action.DROP or key not in HASHABLE_KEYS):
                yield f"fields[{number}]", _KEY_PROBLEM.format(key=key, hashable=", ".join(sorted(HASHABLE_KEYS)))
        if self.phone_numbers is Action.HASH and not _can_read_numbers():
            yield "phone_numbers", _NO_LIBRARY


_KEY_PROBLEM = (
    "names `{key}`, by which records are told apart or a sync goes on: it can be neither dropped nor hashed "
    "(of the keys, {hashable} alone can be hashed)"
)
_NO_LIBRARY = (
    "cannot be `hash` here: the library `phonenumbers`, which brings a number to E.164 first, is not installed. Choose "
    "`drop`, or run the connector's own image"
)


def _can_read_numbers() -> bool:
    try:
        library()
    except ImportError:
        return False
    return True
