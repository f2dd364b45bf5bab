"""Who left: when leads that a stream no longer holds are disabled, and when that would be a mistake.

A source that is cut off, renamed or filtered to nothing looks like a source that everybody has left. So nobody is
disabled unless the stream was read completely, and never many at once.
"""

from dataclasses import dataclass

# So few may leave at once, whatever part of the stream they are.
FEW = 20
_ALL = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sync has read of one stream. `records` counts all, `without_id` those whose lead nobody can tell."""

    stream: str
    records: int
    without_id: int
    # Records that were sent, were unchanged, or were refused: all whose lead is known to be in the stream still.
    present: int


def reason_to_keep_all(reading: Reading, *, known: int, missing: int, max_gone_percent: int) -> str | None:
    """Return why nobody may be disabled although leads are missing, as a sentence; None if they may be."""
    if not missing:
        return None
    named = f"The stream '{reading.stream}'"
    what_next = (
        "Nobody was disabled. If that is right, raise max_gone_percent for one sync; if not, look at the source, its "
        "key and the filter."
    )
    nobody_named = 0 < reading.records == reading.without_id
    if nobody_named or reading.without_id * _ALL > max_gone_percent * reading.records:
        return (
            f"{named} was read to its end, but {reading.without_id} of its {reading.records} records do not say which "
            f"lead they are about: {missing} of {known} leads that were sent before seem to be gone. Nobody was "
            "disabled: correct the name of the key, or those rows."
        )
    if not reading.present and max_gone_percent < _ALL:
        return (
            f"{named} was read to its end and holds no lead: {missing} of {known} leads that were sent before are "
            f"missing. {what_next}"
        )
    if missing > FEW and missing * _ALL > max_gone_percent * known:
        return (
            f"{named} was read to its end, and {missing} of {known} leads that were sent before are missing from it, "
            f"more than the {max_gone_percent} % of max_gone_percent. {what_next}"
        )
    return None


def not_read_to_its_end(stream: str, status: str | None, known: int, missing: int) -> str:
    """Return why nobody was disabled where a stream was not read completely."""
    says = "sent no STREAM_STATUS COMPLETE" if status is None else f"says {status}"
    return (
        f"The stream '{stream}' was not read to its end: its source {says}. {missing} of {known} leads that were sent "
        "before are missing from what was read, and nobody was disabled. If this source never says that a stream is "
        "complete, set when_gone to keep."
    )
