"""`GET /api/v2/reports/campaigns/leads/history` of the contact center (page Campaigns, "Get Campaigns activity").

The documented body is a bare array, and `startKey` is "pagination index" without a word of where a next one comes from:
`Scenario.activity_shape` takes every form that was seen.

Undocumented, decided here: both dates must be given, as whole Unix seconds (the page's "starDate" and the 13 digits of
its `endDate` are slips), the end not before the start; a range of more than 31 days is a 400, as Kazoo answers it; the
bounds are looked at as the scenario says, against `timestamp`.
"""

from collections.abc import Sequence
from http import HTTPStatus

from squadstack_emulator.contact_center.paging import (
    InvalidError,
    next_key,
    note_unknown_parameters,
    page_size,
    spelt_key,
    start_of,
    whole_number,
)
from squadstack_emulator.contact_center.store import Span
from squadstack_emulator.messages import Headers, PortalErrors, Response, json_response
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.scenario import Scenario

PARAMETERS = frozenset({"startDate", "endDate", "pageSize", "startKey"})
MAX_SECONDS = 31 * 86_400
_SCOPE = "activity"


def campaign_activity(context: RequestContext) -> Response:
    """One page of the activities of a span."""
    note_unknown_parameters(context, PARAMETERS)
    scenario = context.scenario
    try:
        span = _span(context)
        size = page_size(context, "pageSize", scenario.activity_cap)
        found = context.portal.activities(scenario.portal, span, scenario.order)
        start = 0 if scenario.activity_ignores_start_key else start_of(context, "startKey", found, _SCOPE)
    except InvalidError:
        return PortalErrors().invalid()
    rows = [context.portal.activity_row(each) for each in found.rows[start : start + size]]
    return _page(scenario, rows, next_key(context, found, start, size, _SCOPE))


def _span(context: RequestContext) -> Span:
    start, end = whole_number(context, "startDate"), whole_number(context, "endDate")
    if end < start:
        context.violation("endDate lies before startDate")
        raise InvalidError("endDate")
    if end - start > MAX_SECONDS:
        raise InvalidError("endDate")
    return Span(start, end, context.scenario.activity_inclusive)


def _page(scenario: Scenario, rows: Sequence[object], key: str | None) -> Response:
    shape = scenario.activity_shape
    if shape in {"bare", "header"}:
        headers: Headers = ()
        spelt = spelt_key(key, scenario.portal_last_key).get("next_start_key") if shape == "header" else None
        if spelt is not None:
            headers = (("next_start_key", spelt),)
        return json_response(HTTPStatus.OK, rows, headers=headers, leads=len(rows))
    name = "data" if shape == "envelope_data" else "cdrs"
    return json_response(HTTPStatus.OK, {name: rows, **spelt_key(key, scenario.portal_last_key)}, leads=len(rows))
