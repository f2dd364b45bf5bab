"""The contact center (page Campaigns): login, status report, leads of a campaign, queues. Activities are next door.

Undocumented, decided here: `user` of a login is the name and the account; a login body has the three documented strings
and nothing else, whatever else it has is a violation; a campaign that does not exist is a 400, the only refusal the
page knows; the status report counts the three statuses of the page's example, zeros too, and any other there is.
"""

from collections import Counter
from http import HTTPStatus

from squadstack_emulator.messages import PortalDialect, Reply, json_reply
from squadstack_emulator.portal_paging import (
    InvalidError,
    next_key,
    note_unknown_parameters,
    page_size,
    spelt_key,
    start_of,
)
from squadstack_emulator.portal_seeds import LEAD_STATUSES
from squadstack_emulator.visit import Visit

_CREDENTIALS = frozenset({"username", "password", "domain"})
_LEAD_PARAMETERS = frozenset({"page_size", "next_start_key"})


def log_in(visit: Visit) -> Reply:
    """`POST /api/v2/login`, "Get access token"."""
    note_unknown_parameters(visit, frozenset())
    body, portal = visit.body, visit.scenario.portal
    if not isinstance(body, dict) or body.keys() != _CREDENTIALS:
        visit.violation("the body is not an object with username, password and domain")
    if body != {"username": portal.username, "password": portal.password, "domain": portal.domain}:
        return PortalDialect().invalid()
    login = visit.portal.tokens.issue()
    visit.books.login()
    user = {"username": portal.username, "account_id": portal.account_id}
    return json_reply(HTTPStatus.OK, {"user": user, **login._asdict()})


def campaign_status(visit: Visit) -> Reply:
    """`GET /api/v2/reports/campaigns/leads/status`, "Get Campaigns status and Leads by Status"."""
    note_unknown_parameters(visit, frozenset())
    report: dict[str, object] = {}
    for campaign in visit.scenario.portal.campaigns:
        leads = visit.portal.leads(campaign.id).rows
        by_status = Counter(dict.fromkeys(LEAD_STATUSES, 0))
        by_status.update(lead.status for lead in leads)
        report[campaign.id] = {
            "name": campaign.name,
            "status": campaign.status,
            "total_leads": len(leads),
            "leads_by_status": dict(by_status),
        }
    return json_reply(HTTPStatus.OK, report, leads=len(report))


def campaign_leads(visit: Visit) -> Reply:
    """`GET /api/v2/config/campaigns/{campaign_id}/leads`, "Get Leads status by Campaign"."""
    note_unknown_parameters(visit, _LEAD_PARAMETERS)
    scenario, campaign_id = visit.scenario, visit.target
    if all(campaign.id != campaign_id for campaign in scenario.portal.campaigns):
        return PortalDialect().invalid()
    listing = visit.portal.leads(campaign_id, scenario.order)
    try:
        size = page_size(visit, "page_size", scenario.portal_page_cap)
        start = start_of(visit, "next_start_key", listing, campaign_id)
    except InvalidError:
        return PortalDialect().invalid()
    shown = listing.rows[start : start + size]
    key = next_key(visit, listing, start, size, campaign_id)
    content = {"data": [lead.row() for lead in shown], **spelt_key(key, scenario.portal_last_key)}
    return json_reply(HTTPStatus.OK, content, leads=len(shown))


def queue_status(visit: Visit) -> Reply:
    """`GET /callcenter/queues/status`, "Get Queues Status"."""
    note_unknown_parameters(visit, frozenset())
    queues = visit.portal.queues(visit.scenario.portal)
    return json_reply(HTTPStatus.OK, queues, leads=len(queues))
