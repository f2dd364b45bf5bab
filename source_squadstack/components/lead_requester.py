"""The requester of leads that were processed within a window of time."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from source_squadstack.components.requester import REQUEST_PARAMETERS, ApiRequester
from source_squadstack.components.retrievers.lead_windows import bounds_of
from source_squadstack.components.retrievers.window_sizer import SECOND


@dataclass
class LeadWindowRequester(ApiRequester):
    """Asks for the leads of a slice's window, in the API's unit of time.

    One unit more on both sides: no page says whether the bounds are inclusive, and a lead on an exclusive bound would
    be lost. `LeadFilter` drops the rest. No template of the manifest says it: nearly every page of a sync has a window
    of its own, and a sixth of the page's CPU time went into its bounds.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._unit = SECOND if self.config["squadstack"].get("timestamp_unit") == "seconds" else SECOND // 1000

    def get_request_params(self, **context: Any) -> MutableMapping[str, Any]:
        """Return the window's bounds, or the parameters that the slice brings along."""
        stream_slice = context["stream_slice"]
        if REQUEST_PARAMETERS in stream_slice.extra_fields:
            return dict(stream_slice.extra_fields[REQUEST_PARAMETERS])
        start, end = bounds_of(stream_slice)
        return {"processed_after": start // self._unit - 1, "processed_before": (end - 1) // self._unit + 2}
