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
from http import HTTPStatus
from urllib.parse import urlencode

from squadstack_emulator import timestamps
from squadstack_emulator.json_text import dumps
from squadstack_emulator.messages import Response, json_response
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.scenario import Scenario, TimeStyle
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads, RawRow, Row, Window
from squadstack_emulator.squadstack.rows_v1 import lead_row, v1_lead_id

PARAMETERS = frozenset({"lead_id", "processed_after", "processed_before", "page", "page_size"})
DEFAULT_PAGE_SIZE = 100
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,30}")


class _BadParameterError(ValueError):
    """A parameter the framework refuses; holds the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def get_leads(context: RequestContext) -> Response:
    """One page of a campaign's leads: `{count, next, previous, results}`."""
    _note_unknown_parameters(context)
    if context.leads is None:
        return json_response(HTTPStatus.NOT_FOUND, {"detail": "Not found."})
    try:
        window = read_window(context)
        number = _page_number(context)
    except _BadParameterError as refusal:
        return refusal.response
    size = _page_size(context)
    if context.scenario.order == "reshuffled":
        return _page(context, context.leads, window, number, size)
    # A call may have arrived under an earlier scenario than the next one like it: what it was given must not be theirs.
    key = (
        context.endpoint,
        context.target,
        context.request.host,
        context.request.query_string,
        size,
        window,
        *_looks(context.scenario),
    )
    known = context.cache.get(key, context.leads.version)
    if known is not None:
        return known
    return context.cache.put(key, context.leads.version, _page(context, context.leads, window, number, size))


def read_window(context: RequestContext) -> Window:
    """What the call asks for, in the scenario's unit and bounds."""
    return Window(
        after=_moment(context, "processed_after"),
        before=_moment(context, "processed_before"),
        lead_id=_lead_id(context),
        after_inclusive=context.scenario.after_inclusive,
        before_inclusive=context.scenario.before_inclusive,
    )


def leads_passed(context: RequestContext) -> list[str]:
    """Ids of the leads on the page the call asks for, if it is of a filtered read and another page follows."""
    if context.leads is None:
        return []
    window, number, size = read_window(context), _page_number(context), _page_size(context)
    rows = context.leads.select(window, context.scenario.order, context.seq)
    if not window.is_filtered or number * size >= len(rows):
        return []
    return [row.lead_id for row in rows[(number - 1) * size : number * size] if isinstance(row, Lead)]


def _looks(scenario: Scenario) -> tuple[str, ...]:
    return scenario.order, scenario.time_style, scenario.next_scheme


def _page(context: RequestContext, leads: CampaignLeads, window: Window, number: int, size: int) -> Response:
    rows = leads.select(window, context.scenario.order, context.seq)
    first = (number - 1) * size
    if number < 1 or (first >= len(rows) and number > 1):
        return _invalid_page()
    shown = rows[first : first + size]
    content = {
        "count": len(rows),
        "next": _link(context, number + 1) if first + size < len(rows) else None,
        "previous": _link(context, number - 1) if number > 1 else None,
        "results": [_row_content(row, leads, context) for row in shown],
    }
    return Response(HTTPStatus.OK, dumps(content), leads=len(shown))


def _row_content(row: Row, leads: CampaignLeads, context: RequestContext) -> Mapping[str, object]:
    """A row of `results`: the keys of the page's example, in its order."""
    if isinstance(row, RawRow):
        return row.row
    if context.endpoint == "v1":
        return lead_row(row, leads.campaign, leads.seed)
    return lead_content(row, context.target, context.scenario.time_style)


def lead_content(lead: Lead, campaign_id: str, style: TimeStyle) -> dict[str, object]:
    """A lead of v4 in the keys and the order of the page's example, which are those of its webhook too."""
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


def _link(context: RequestContext, number: int) -> str:
    parameters = context.request.query
    parameters.pop("page", None)
    if number > 1:
        parameters["page"] = str(number)
    query = urlencode(sorted(parameters.items()))
    base = f"{context.scenario.next_scheme}://{context.request.host}{context.request.path}"
    return f"{base}?{query}" if query else base


def _invalid_page() -> Response:
    return json_response(HTTPStatus.NOT_FOUND, {"detail": "Invalid page."})


def _note_unknown_parameters(context: RequestContext) -> None:
    for name in context.request.query.keys() - PARAMETERS:
        context.violation(f"there is no query parameter {name!r}")
    for name in context.request.repeated:
        context.violation(f"the query parameter {name!r} was given more than once")


def _lead_id(context: RequestContext) -> str | None:
    """The store's id of the lead that the call asks for; any text that no lead has will do for an unknown one."""
    text = context.request.query.get("lead_id")
    if text is None or context.endpoint != "v1" or context.leads is None:
        return text
    number = _whole_number(context, "lead_id", "an integer", text)
    leads = context.leads.leads
    return text if text in leads else next((each for each in leads if v1_lead_id(each) == number), text)


def _moment(context: RequestContext, name: str) -> int | None:
    text = context.request.query.get(name)
    if text is None:
        return None
    number = _whole_number(context, name, "an epoch timestamp", text)
    return timestamps.from_epoch(number, context.scenario.timestamp_unit)


def _whole_number(context: RequestContext, name: str, what: str, text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        context.violation(f"{name} is not {what}")
        raise _BadParameterError(json_response(HTTPStatus.BAD_REQUEST, {name: ["A valid integer is required."]}))
    return int(text)


def _page_number(context: RequestContext) -> int:
    text = context.request.query.get("page", "1")
    if not _WHOLE_NUMBER.fullmatch(text):
        context.violation("page is not a number")
        raise _BadParameterError(_invalid_page())
    return int(text)


def _page_size(context: RequestContext) -> int:
    text = context.request.query.get("page_size", str(DEFAULT_PAGE_SIZE))
    size = int(text) if _WHOLE_NUMBER.fullmatch(text) else 0
    if size < 1:
        context.violation("page_size is not a positive number")
        size = DEFAULT_PAGE_SIZE
    return size if context.scenario.page_size_cap is None else min(size, context.scenario.page_size_cap)
