"""`GET /api/v2/reports/campaigns/leads/history` of the contact center (page Campaigns, "Get Campaigns activity").

The documented body is a bare array, and `startKey` is "pagination index" without a word of where a next one comes from:
`Scenario.activity_shape` takes every form that was seen.

Undocumented, decided here: both dates must be given, as whole Unix seconds (the page's "starDate" and the 13 digits of
its `endDate` are slips), the end not before the start; a range of more than 31 days is a 400, as Kazoo answers it; the
bounds are looked at as the scenario says, against `timestamp`. `Scenario.activity_late` has rows, dispositions and
notes come after the activity, as a client that reads the last four hours again in each run has seen them.
"""

from datetime import datetime
from http import HTTPStatus

from squadstack_emulator import timestamps
from squadstack_emulator.contact_center.errors import INVALID
from squadstack_emulator.contact_center.paging import InvalidError, page_of, spelt_key, whole_number
from squadstack_emulator.contact_center.store import Moment, Span
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.scenario import Scenario

PARAMETERS = frozenset({"startDate", "endDate", "pageSize", "startKey"})
MAX_SECONDS = 31 * 86_400


def campaign_activity(context: RequestContext) -> ApiResponse:
    """Return one page of the activities of a span."""
    context.check_parameters(PARAMETERS)
    scenario, portal = context.scenario, context.portal
    moment = moment_of(scenario, context.now)
    try:
        found = portal.activities(scenario.portal, _span(context), scenario.order, moment)
        key_name = None if scenario.activity_ignores_start_key else "startKey"
        shown, key = page_of(context, found, "activity", size="pageSize", key=key_name, cap=scenario.activity_cap)
    except InvalidError:
        return INVALID
    rows, shape = [portal.activity_row(each, moment) for each in shown], scenario.activity_shape
    spelt = spelt_key(key, scenario.portal_last_key)
    if shape.startswith("envelope_"):
        return ApiResponse(HTTPStatus.OK, {shape.removeprefix("envelope_"): rows, **spelt}, leads=len(rows))
    headers = {name: each for name, each in spelt.items() if shape == "header" and each is not None}
    return ApiResponse(HTTPStatus.OK, rows, headers, leads=len(rows))


def moment_of(scenario: Scenario, now: datetime) -> Moment | None:
    """Return when activities are looked at; None where nothing comes late, so that it makes no difference."""
    late = scenario.activity_late
    return None if late is None else Moment(timestamps.microseconds(now) // 1_000_000, late)


def _span(context: RequestContext) -> Span:
    start, end = whole_number(context, "startDate"), whole_number(context, "endDate")
    if end < start:
        context.violation("endDate lies before startDate")
    if not 0 <= end - start <= MAX_SECONDS:
        raise InvalidError("endDate")
    return Span(start, end, context.scenario.activity_inclusive)
