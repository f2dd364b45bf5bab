"""The contact center (page Campaigns): login, status report, leads of a campaign, queues. Activities are next door.

Undocumented, decided here: `user` of a login is the name and the account; a login body has the three documented strings
and nothing else, whatever else it has is a violation; a campaign that does not exist is a 400, the only refusal the
page knows; the status report counts the three statuses of the page's example, zeros too, and any other there is.
"""

from collections import Counter
from http import HTTPStatus

from squadstack_emulator.contact_center.paging import (
    InvalidError,
    next_key,
    note_unknown_parameters,
    page_size,
    spelt_key,
    start_of,
)
from squadstack_emulator.contact_center.seeds import LEAD_STATUSES
from squadstack_emulator.messages import PortalErrors, Response, json_response
from squadstack_emulator.request_context import RequestContext

_CREDENTIALS = frozenset({"username", "password", "domain"})
_LEAD_PARAMETERS = frozenset({"page_size", "next_start_key"})


def log_in(context: RequestContext) -> Response:
    """`POST /api/v2/login`, "Get access token"."""
    note_unknown_parameters(context, frozenset())
    body, portal = context.body, context.scenario.portal
    if not isinstance(body, dict) or body.keys() != _CREDENTIALS:
        context.violation("the body is not an object with username, password and domain")
    if body != {"username": portal.username, "password": portal.password, "domain": portal.domain}:
        return PortalErrors().invalid()
    login = context.portal.tokens.issue()
    context.request_log.login()
    user = {"username": portal.username, "account_id": portal.account_id}
    return json_response(HTTPStatus.OK, {"user": user, **login._asdict()})


def campaign_status(context: RequestContext) -> Response:
    """`GET /api/v2/reports/campaigns/leads/status`, "Get Campaigns status and Leads by Status"."""
    note_unknown_parameters(context, frozenset())
    report: dict[str, object] = {}
    for campaign in context.scenario.portal.campaigns:
        leads = context.portal.leads(campaign.id).rows
        by_status = Counter(dict.fromkeys(LEAD_STATUSES, 0))
        by_status.update(lead.status for lead in leads)
        report[campaign.id] = {
            "name": campaign.name,
            "status": campaign.status,
            "total_leads": len(leads),
            "leads_by_status": dict(by_status),
        }
    return json_response(HTTPStatus.OK, report, leads=len(report))


def campaign_leads(context: RequestContext) -> Response:
    """`GET /api/v2/config/campaigns/{campaign_id}/leads`, "Get Leads status by Campaign"."""
    note_unknown_parameters(context, _LEAD_PARAMETERS)
    scenario, campaign_id = context.scenario, context.target
    if all(campaign.id != campaign_id for campaign in scenario.portal.campaigns):
        return PortalErrors().invalid()
    listing = context.portal.leads(campaign_id, scenario.order)
    try:
        size = page_size(context, "page_size", scenario.portal_page_cap)
        start = start_of(context, "next_start_key", listing, campaign_id)
    except InvalidError:
        return PortalErrors().invalid()
    shown = listing.rows[start : start + size]
    key = next_key(context, listing, start, size, campaign_id)
    content = {"data": [lead.row() for lead in shown], **spelt_key(key, scenario.portal_last_key)}
    return json_response(HTTPStatus.OK, content, leads=len(shown))


def queue_status(context: RequestContext) -> Response:
    """`GET /callcenter/queues/status`, "Get Queues Status"."""
    note_unknown_parameters(context, frozenset())
    queues = context.portal.queues(context.scenario.portal)
    return json_response(HTTPStatus.OK, queues, leads=len(queues))
