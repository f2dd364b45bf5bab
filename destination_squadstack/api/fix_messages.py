"""What the user has to correct, as sentences that name the config's field: a table of problems for each API."""

from dataclasses import dataclass

from destination_squadstack.api.error_text import NOTHING_SAID
from destination_squadstack.operations import CONTACT_CENTER, CRM_V2
from squadstack_common.certificates import NO_CERTIFICATES_FILE, untrusted_certificate
from squadstack_common.proxies import proxy_login


@dataclass(frozen=True, slots=True)
class FixContext:
    """The names that a message needs: endpoint, API, entry of the config, and its field that names the campaign."""

    api: str
    endpoint: str
    config_entry: str
    campaign_field: str


_SQUADSTACK = {
    "proxy": proxy_login("squadstack.base_url"),
    "certificate": untrusted_certificate("squadstack.base_url", "{detail}"),
    "certificates_file": NO_CERTIFICATES_FILE,
    "token": "squadstack.token is not accepted by SquadStack{more}. "
    "Copy it again from Settings, Integrations in SquadStack's customer portal.",
    "permission": "squadstack.token may not use {endpoint}{more}. Ask SquadStack to allow it for this token, "
    "and to put the IP addresses of this connector on their list.",
    "unknown_ref": "{campaign_field} names no active integration of SquadStack. "
    "Copy the reference ID of the campaign again, or ask your SquadStack contact for it.",
    "not_enabled": "{config_entry}.operation uses {endpoint}, which is not enabled in the integration that "
    "{campaign_field} names. Ask SquadStack to enable it, or choose another operation.",
    "not_found": "{campaign_field} or squadstack.base_url is wrong: SquadStack has nothing under that address "
    "(HTTP 404).",
    "not_allowed": "squadstack.base_url does not lead to the CRM v2 API: it refuses the method POST (HTTP 405).",
    "redirect": "squadstack.base_url answers with a redirect (HTTP {detail}), which is not followed "
    "because the token would travel with it. Enter the address it leads to.",
    "unexpected": "SquadStack refuses the call with HTTP {detail}, which this connector does not know. "
    "Check squadstack.base_url.",
}
_V4_AND_V1 = _SQUADSTACK | {
    "permission": "squadstack.token is not accepted by SquadStack for {endpoint} (HTTP 403){more}. Copy it again from "
    "Settings, Integrations in SquadStack's customer portal, and ask SquadStack to put the IP addresses of this "
    "connector on their list.",
    "unknown_campaign": "{campaign_field} names no campaign of SquadStack, or squadstack.base_url is wrong (HTTP 404). "
    "Copy the campaign's id again, or ask your SquadStack contact for it.",
    "not_allowed": "squadstack.base_url does not lead to this API: it refuses the method of {endpoint} (HTTP 405).",
}
_CONTACT_CENTER = {
    "proxy": proxy_login("contact_center.portal_url"),
    "certificate": untrusted_certificate("contact_center.portal_url", "{detail}"),
    "certificates_file": NO_CERTIFICATES_FILE,
    "login": "contact_center.username, contact_center.password or contact_center.domain is not accepted by the contact "
    "center{more}. Try them on its login page.",
    "no_token": "contact_center.portal_url answers the login with something that is no access token ({detail}). "
    "Check the address and its port.",
    "token": "The contact center refuses the token of a login that it has just accepted (HTTP 401). "
    "Check contact_center.account_id, and that the user may change leads.",
    "permission": "contact_center.username may not use {endpoint}{more}. "
    "Ask the contact center's administrator for the right, and check contact_center.account_id.",
    "not_found": "contact_center.portal_url has nothing under the address of {endpoint} (HTTP 404). "
    "Check it, and contact_center.account_id.",
    "unknown_campaign": "{campaign_field} names no campaign of the contact center, or contact_center.portal_url is "
    "wrong (HTTP 404). The portal's list of campaigns has their ids.",
    "not_allowed": "contact_center.portal_url does not serve {endpoint}: it refuses the method (HTTP 405). "
    "Check the address, and contact_center.add_lead_method.",
    "redirect": "contact_center.portal_url answers with a redirect (HTTP {detail}), which is not followed "
    "because the token would travel with it. Enter the address it leads to.",
    "unexpected": "The contact center refuses the call with HTTP {detail}, which this connector does not know. "
    "Check contact_center.portal_url.",
}


def fix_message(problem: str, detail: str, context: FixContext) -> str:
    """Return the sentence that says which config field to correct, and how."""
    table = {CRM_V2: _SQUADSTACK, CONTACT_CENTER: _CONTACT_CENTER}.get(context.api, _V4_AND_V1)
    return table[problem].format(
        detail=detail,
        more="" if detail in ("", NOTHING_SAID) else f" ({detail})",
        endpoint=context.endpoint,
        config_entry=context.config_entry,
        campaign_field=context.campaign_field,
    )
