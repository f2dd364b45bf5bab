"""Get Leads, `GET /api/{v4|v1}/leads/responses/{campaign_id}/` (page "Get Leads" of squadvoice-v4 and squadvoice-v1).

The two versions differ in their rows and in what a `lead_id` is: text in v4, an integer in v1.

Where the page is silent the answers are those of the framework behind it, Django REST framework with its page-number
pagination: a page past the end, below 1 or not a number is a 404 "Invalid page."; page 1 of an empty set is an empty
page; a page size that is no positive number means the default; `next` and `previous` repeat the parameters of the
call, sorted, with another `page`, and `previous` of page 2 has none.

Undocumented, decided here: a time, or a lead_id of v1, that is not a whole number is a 400 naming the parameter; a
filter by time leaves out leads that have not been processed; deleted leads are in no read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from squadstack_emulator import timestamps
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.scenario import TimeStyle
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads, RawRow, Row, Window
from squadstack_emulator.squadstack.rows_v1 import lead_row, v1_lead_id

PARAMETERS = frozenset({"lead_id", "processed_after", "processed_before", "page", "page_size"})
DEFAULT_PAGE_SIZE = 100
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,30}")
_INVALID_PAGE = ApiResponse(HTTPStatus.NOT_FOUND, {"detail": "Invalid page."})


@dataclass(frozen=True, slots=True)
class _Page:
    """What a request asks for."""

    window: Window
    number: int
    size: int


class _BadParameterError(ValueError):
    """A parameter the framework refuses; holds the answer."""

    def __init__(self, response: ApiResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


def get_leads(context: RequestContext) -> ApiResponse:
    """Return one page of a campaign's leads: `{count, next, previous, results}`."""
    context.check_parameters(PARAMETERS)
    leads, scenario = context.leads, context.scenario
    if leads is None:
        return ApiResponse(HTTPStatus.NOT_FOUND, {"detail": "Not found."})
    try:
        page = _page(context, leads)
    except _BadParameterError as refusal:
        return refusal.response
    if scenario.order == "reshuffled":
        return _render(context, leads, page)
    # A call may have arrived under an earlier scenario than the next one like it: what it was given must not be theirs.
    key = (
        *(context.request.scope["path"], context.host, context.request.scope["query_string"], page, leads.version),
        *(scenario.order, scenario.time_style, scenario.next_scheme, scenario.recordings),
    )
    return context.cache.get(key) or context.cache.put(key, _render(context, leads, page))


def leads_passed(context: RequestContext) -> list[str]:
    """Return the ids of the leads on a page just given, if it is of a filtered read and another page follows."""
    if context.leads is None:
        return []
    page = _page(context, context.leads)
    rows = context.leads.select(page.window, context.scenario.order, context.seq)
    if not page.window.is_filtered or page.number * page.size >= len(rows):
        return []
    shown = rows[(page.number - 1) * page.size : page.number * page.size]
    return [row.lead_id for row in shown if isinstance(row, Lead)]


def lead_content(lead: Lead, campaign_id: str, style: TimeStyle) -> dict[str, object]:
    """Return a lead of v4 in the keys and the order of the page's example, which are those of its webhook too."""
    return {
        "phone_number": lead.phone_number,
        "lead_id": lead.lead_id,
        "latest_recording_url": lead.latest_recording_url,
        "campaign_id": campaign_id,
        "latest_called_at": timestamps.spell(lead.latest_called_at, style),
        "lead_outcome": lead.lead_outcome,
        "processed_at": timestamps.spell(lead.processed_at, style),
        "contact_name": lead.contact_name,
        "created_at": timestamps.spell(lead.created_at, style),
        "lead_responses": lead.lead_responses,
    }


def _render(context: RequestContext, leads: CampaignLeads, page: _Page) -> ApiResponse:
    rows = leads.select(page.window, context.scenario.order, context.seq)
    first = (page.number - 1) * page.size
    if page.number < 1 or (first >= len(rows) and page.number > 1):
        return _INVALID_PAGE
    shown = rows[first : first + page.size]
    content = {
        "count": len(rows),
        "next": _link(context, page.number + 1) if first + page.size < len(rows) else None,
        "previous": _link(context, page.number - 1) if page.number > 1 else None,
        "results": [_row_content(row, leads, context) for row in shown],
    }
    return ApiResponse(HTTPStatus.OK, content, leads=len(shown))


def _row_content(row: Row, leads: CampaignLeads, context: RequestContext) -> Mapping[str, object]:
    if isinstance(row, RawRow):
        return row.row
    if context.operation == "v1":
        return lead_row(row, leads.campaign, leads.seed)
    content = lead_content(row, context.target, context.scenario.time_style)
    if row.latest_recording_url is not None and context.scenario.recordings.kinds:
        drawn = row.latest_recording_url.rpartition("/")[2]
        content["latest_recording_url"] = context.scenario.recordings.link(context.host, drawn)
    return content


def _link(context: RequestContext, number: int) -> str:
    parameters = {name: value for name, value in context.query.items() if name != "page"}
    if number > 1:
        parameters["page"] = str(number)
    query = urlencode(sorted(parameters.items()))
    base = f"{context.scenario.next_scheme}://{context.host}{context.request.scope['path']}"
    return f"{base}?{query}" if query else base


def _page(context: RequestContext, leads: CampaignLeads) -> _Page:
    window = Window(
        after=_moment(context, "processed_after"),
        before=_moment(context, "processed_before"),
        lead_id=_lead_id(context, leads),
        after_inclusive=context.scenario.after_inclusive,
        before_inclusive=context.scenario.before_inclusive,
    )
    number = context.query.get("page", "1")
    if not _WHOLE_NUMBER.fullmatch(number):
        context.violation("page is not a number")
        raise _BadParameterError(_INVALID_PAGE)
    return _Page(window, int(number), _page_size(context))


def _page_size(context: RequestContext) -> int:
    text = context.query.get("page_size", str(DEFAULT_PAGE_SIZE))
    size = int(text) if _WHOLE_NUMBER.fullmatch(text) else 0
    if size < 1:
        context.violation("page_size is not a positive number")
        size = DEFAULT_PAGE_SIZE
    return min(size, context.scenario.page_size_cap or size)


def _lead_id(context: RequestContext, leads: CampaignLeads) -> str | None:
    """Return the store's id of the lead that is asked for; any text that no lead has will do for an unknown one."""
    text = context.query.get("lead_id")
    if text is None or context.operation == "v4":
        return text
    number = _whole_number(context, "lead_id", "an integer", text)
    return text if text in leads.leads else next((each for each in leads.leads if v1_lead_id(each) == number), text)


def _moment(context: RequestContext, name: str) -> int | None:
    text = context.query.get(name)
    if text is None:
        return None
    return timestamps.from_epoch(
        _whole_number(context, name, "an epoch timestamp", text), context.scenario.timestamp_unit
    )


def _whole_number(context: RequestContext, name: str, what: str, text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        context.violation(f"{name} is not {what}")
        raise _BadParameterError(ApiResponse(HTTPStatus.BAD_REQUEST, {name: ["A valid integer is required."]}))
    return int(text)
