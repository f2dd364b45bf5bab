"""The lead's fields and where they come from: another field of the record, several of them joined, or a constant."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from destination_squadstack.record_rules.custom_values import as_text
from destination_squadstack.record_rules.field_paths import MISSING, Reader, field_reader, is_key


class MappedField(msgspec.Struct, frozen=True):
    """A lead's field, and the record's field or fields that fill it, or else a constant.

    `source` is what the config says: names, separated by commas, each of which may be dotted.
    """

    to: str
    source: str | None = msgspec.field(name="from", default=None)
    value: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the names of the record's fields."""
        return tuple(name for part in (self.source or "").split(",") if (name := part.strip()))

    @property
    def is_plain(self) -> bool:
        """Return whether it is another name of one field at the top of the record."""
        return self.source is not None and "," not in self.source and is_key(self.source)


def field_mapper(fields: Sequence[MappedField]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function that fills the lead's fields from a record; what the record lacks is left out."""
    readers = [(field.to, _reader(field)) for field in fields]

    def fill(record: Mapping[str, Any]) -> dict[str, Any]:
        return {to: value for to, read in readers if (value := read(record)) is not MISSING}

    return fill


def hidden_names(fields: Sequence[MappedField]) -> frozenset[str]:
    """Return the names of the record's fields that are not sent under these names, because they are mapped.

    An object that a dotted name leads into stays: it holds other values too.
    """
    return frozenset(name for field in fields for name in (field.to, field.source, *field.sources) if name is not None)


def _reader(field: MappedField) -> Reader:
    if field.source is None:
        return lambda _: field.value
    if "," not in field.source:
        return field_reader(field.source)
    return _joined(field.source, [field_reader(name) for name in field.sources])


def _joined(whole: str, readers: Sequence[Reader]) -> Reader:
    """Return a function that joins the texts of several fields by a space, blank ones left out.

    A record's own key wins, as it does over a dotted name: a column may be called "Last, First".
    """

    def read(record: Mapping[str, Any]) -> Any:
        if whole in record:
            return record[whole]
        found = [value for each in readers if (value := each(record)) is not MISSING]
        texts = [text.strip() for value in found if (text := as_text(value)) is not None]
        # Only blanks count as missing: the API refuses an empty name, but may accept none.
        return " ".join(filter(None, texts)) or MISSING

    return read
