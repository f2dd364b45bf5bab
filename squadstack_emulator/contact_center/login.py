"""`POST /api/v2/login` of the contact center (page Campaigns, "Get access token"), and the life of its tokens.

How long a token lives is not documented: a scenario says after how many calls it dies. Undocumented, decided here:
`user` is the name and the account; a body has the three documented strings, whatever else it has is a violation.
"""

from http import HTTPStatus

from squadstack_emulator.contact_center.errors import INVALID
from squadstack_emulator.request_context import RequestContext
from squadstack_emulator.responses import ApiResponse

_CREDENTIALS = frozenset({"username", "password", "domain"})


def log_in(context: RequestContext) -> ApiResponse:
    """Give a token. The refresh token is good for nothing: its endpoint is not documented."""
    context.check_parameters(frozenset())
    body, portal = context.body, context.scenario.portal
    if not isinstance(body, dict) or body.keys() != _CREDENTIALS:
        context.violation("the body is not an object with username, password and domain")
    if body != {"username": portal.username, "password": portal.password, "domain": portal.domain}:
        return INVALID
    number = context.portal.tokens.issue()
    context.request_log.login()
    content = {
        "user": {"username": portal.username, "account_id": portal.account_id},
        "access_token": f"portal-access-token-{number}",
        "refresh_token": f"portal-refresh-token-{number}",
    }
    return ApiResponse(HTTPStatus.OK, content)
