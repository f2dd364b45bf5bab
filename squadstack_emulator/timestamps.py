"""Timestamps: whole microseconds for comparing, and every spelling that a row may show."""

from datetime import UTC, datetime, timedelta

from squadstack_emulator.scenario import TimestampUnit, TimeStyle

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER: dict[TimestampUnit, int] = {"milliseconds": 1_000, "seconds": 1_000_000}
# Epoch numbers above this are milliseconds: in seconds they would lie after the year 5100.
_FIRST_MILLISECONDS = 100_000_000_000


def utc_now() -> datetime:
    """Return the time by the computer's clock."""
    return datetime.now(UTC)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, exactly (a float of seconds is not exact)."""
    return (moment - _EPOCH) // _MICROSECOND


def from_epoch(value: int, unit: TimestampUnit) -> int:
    """Microseconds of a `processed_after` or `processed_before`; the documents call both "Epoch timestamp"."""
    return value * _MICROSECONDS_PER[unit]


def spell(moment: datetime | None, style: TimeStyle) -> str | int | None:
    """Return a time as a row shows it.

    `iso` is the example of the document's page ("2018-12-03T14:37:54+00:00"); what is finer than the style is cut off.
    """
    if moment is None:
        return None
    if style == "iso":
        return moment.isoformat(timespec="seconds")
    if style == "iso_fraction":
        return moment.isoformat(timespec="microseconds")
    return microseconds(moment) // (1_000_000 if style == "epoch_seconds" else 1_000)


def parse(value: object) -> int | None:
    """Microseconds of a time in any of the spellings, None where it is none of them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return from_epoch(value, "milliseconds" if value >= _FIRST_MILLISECONDS else "seconds")
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
