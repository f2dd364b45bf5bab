"""One fault of a scenario: what goes wrong, and which requests it hits."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Traffic = Literal["read", "write", "portal", "login", "recording"]


class FaultKind(StrEnum):
    """A way in which one call goes wrong; the comment says what the client sees.

    Whether the operation behind the call was applied is `Fault.applied`; the default of each kind is in `APPLIED`.
    """

    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    THROTTLE = "throttle"  # a 429 in the scenario's `throttle_answer`, though the window has room
    RESET = "reset"  # the connection is reset before anything happened
    RESET_AFTER = "reset_after"  # the call was carried out, then the connection is reset
    TRUNCATED = "truncated"  # a 200 whose body ends in the middle, with the Content-Length of what is sent
    CUT_OFF = "cut_off"  # a 200 whose Content-Length promises more than arrives before the connection closes
    HTML_200 = "html_200"  # a 200 with a web page, as a proxy in front of the API gives
    EMPTY_200 = "empty_200"  # a 200 with no body at all
    NULL_RESULTS = (
        "null_results"  # read: null instead of the rows, be they in `results`, `data`, `cdrs` or the body itself
    )
    HANG = "hang"  # no answer for `Fault.seconds`, then a reset; nothing was applied
    HALF_HANG = (
        "half_hang"  # write of a list: the first half is applied, then no answer for `Fault.seconds`, then a reset
    )
    REDIRECT_302 = "redirect_302"  # a redirect to a login page that does not exist
    UNAUTHORIZED_401 = "unauthorized_401"  # "Token expired"
    FORBIDDEN_403 = "forbidden_403"
    WRONG_LENGTH = "wrong_length"  # bulk write: applied, but `result` has one entry too few


ONLY_ON: Mapping[FaultKind, frozenset[Traffic]] = {
    FaultKind.NULL_RESULTS: frozenset({"read", "portal"}),
    FaultKind.HALF_HANG: frozenset({"write"}),
    FaultKind.WRONG_LENGTH: frozenset({"write"}),
}
APPLIED = frozenset(
    {
        FaultKind.RESET_AFTER,
        FaultKind.TRUNCATED,
        FaultKind.CUT_OFF,
        FaultKind.EMPTY_200,
        FaultKind.NULL_RESULTS,
        FaultKind.WRONG_LENGTH,
    }
)


@dataclass(frozen=True)
class Fault:
    """One fault and the calls it hits.

    Only calls that would have been served count: a call that fails on its token, or is throttled, is not touched.

    Attributes:
        kind: What goes wrong.
        on: The traffic it hits: reads or writes of SquadStack, calls to the contact center with a token (`portal`),
            its logins, downloads of recordings, or any of these. `NULL_RESULTS` hits reads of both only, `HALF_HANG`
            and `WRONG_LENGTH` writes.
        every: Every nth matching call is hit.
        skip: So many matching calls at the beginning are spared.
        times: How often it strikes at most; None is for ever.
        seconds: How long `HANG` and `HALF_HANG` keep silent. A client that hangs up earlier ends it.
        campaign: Only calls to this campaign id or ref id.
        applied: Whether a write was carried out although the answer is faulty; None is the kind's default (`APPLIED`).
            `HALF_HANG` always applies half.
        path: Only calls whose path contains this, like "/history".
    """

    kind: FaultKind
    on: Literal["read", "write", "portal", "login", "recording", "any"] = "any"
    every: int = 1
    skip: int = 0
    times: int | None = None
    seconds: float = 30.0
    campaign: str | None = None
    applied: bool | None = None
    path: str = ""

    def __post_init__(self) -> None:
        if self.every < 1 or self.skip < 0 or self.seconds < 0 or (self.times is not None and self.times < 0):
            raise ValueError("A fault needs every >= 1 and skip, times and seconds >= 0")

    @property
    def is_applied(self) -> bool:
        """Whether the operation behind the call is carried out in full."""
        return self.kind in APPLIED if self.applied is None else self.applied
