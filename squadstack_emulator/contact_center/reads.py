"""Reads of the contact center (page Campaigns): status report, leads of a campaign, queues; not activities.

Undocumented, decided here: a campaign that does not exist is a 400, the only refusal the page knows; the status report
counts the three statuses of the page's example, zeros too, and any other there is.
"""

from collections import Counter
from http import HTTPStatus

from squadstack_emulator.contact_center.errors import INVALID
from squadstack_emulator.contact_center.paging import InvalidError, page_of, spelt_key
from squadstack_emulator.contact_center.seeds import LEAD_STATUSES
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse


def campaign_status(context: RequestContext) -> ApiResponse:
    """`GET /api/v2/reports/campaigns/leads/status`, "Get Campaigns status and Leads by Status"."""
    context.check_parameters(frozenset())
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
    return ApiResponse(HTTPStatus.OK, report, leads=len(report))


def campaign_leads(context: RequestContext) -> ApiResponse:
    """`GET /api/v2/config/campaigns/{campaign_id}/leads`, "Get Leads status by Campaign"."""
    context.check_parameters(frozenset({"page_size", "next_start_key"}))
    scenario, campaign_id = context.scenario, context.target
    if all(campaign.id != campaign_id for campaign in scenario.portal.campaigns):
        return INVALID
    listing, cap = context.portal.leads(campaign_id, scenario.order), scenario.portal_page_cap
    try:
        shown, key = page_of(context, listing, campaign_id, size="page_size", key="next_start_key", cap=cap)
    except InvalidError:
        return INVALID
    content = {"data": [lead.row() for lead in shown], **spelt_key(key, scenario.portal_last_key)}
    return ApiResponse(HTTPStatus.OK, content, leads=len(shown))


def queue_status(context: RequestContext) -> ApiResponse:
    """`GET /callcenter/queues/status`, "Get Queues Status"."""
    context.check_parameters(frozenset())
    queues = context.portal.queues(context.scenario.portal)
    return ApiResponse(HTTPStatus.OK, queues, leads=len(queues))
