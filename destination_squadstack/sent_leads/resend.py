"""When an unchanged record is sent again: somebody may have changed the lead at SquadStack meanwhile."""

from zlib import crc32

_DAY_MS = 24 * 60 * 60 * 1000
_WHOLE = 1 << 32


def is_due(lead_id: str, accepted_at: int, now: int, days: int) -> bool:
    """Tell whether a lead that was accepted at a time, in epoch milliseconds, is to be sent again.

    A lead is due between `days` and one and a half times `days` after it was accepted, by a hash of its id. Without
    that, all leads of a first sync would be due on one day.
    """
    period = days * _DAY_MS
    if now < accepted_at + period:
        return False
    spread = period // 2 * crc32(lead_id.encode("utf-8", "surrogatepass")) // _WHOLE
    return now >= accepted_at + period + spread
