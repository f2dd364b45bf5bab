"""An endpoint: one path of an API, and how that API answers what never gets as far as its work."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squadstack_emulator.faults.fault import Traffic
from squadstack_emulator.request_log import LeadKey
from squadstack_emulator.responses import ApiResponse
from squadstack_emulator.scenario import Api, Campaign, Scenario

if TYPE_CHECKING:
    from squadstack_emulator.request_context import RequestContext


@dataclass(frozen=True)
class ApiErrors:
    """The errors of an API that do not depend on what was asked for.

    Attributes:
        no_token: There is no Authorization header.
        wrong_token: The token is unknown.
        expired_token: The token was good once.
        forbidden: The token lacks the permission.
        server_error: The server failed.
        wrong_method: The answer to a method, by that method and the documented one.
    """

    no_token: ApiResponse
    wrong_token: ApiResponse
    expired_token: ApiResponse
    forbidden: ApiResponse
    server_error: ApiResponse
    wrong_method: Callable[[str, str], ApiResponse]


@dataclass(frozen=True)
class Endpoint:
    """One path.

    Attributes:
        path: The path as Starlette's routes spell it; `{target}` is the campaign, ref id, lead or call,
            `{operation}` the operation or status, where the path names such.
        method: The documented method.
        handle: The work.
        traffic: The kind of request, by which faults name it.
        errors: How its API spells errors.
        api: The API, which decides the access policy.
        operation: The operation where the path has no `{operation}`.
        find: The SquadStack campaign of a target, None if there is none.
        reads_json: Whether the body must be JSON.
        keys: The leads of a request, by target and body.
        accepts: The method that is accepted instead of the documented one, where public clients use another.
    """

    path: str
    method: str
    handle: "Callable[[RequestContext], ApiResponse]"
    traffic: Traffic
    errors: ApiErrors
    api: Api = "squadstack"
    operation: str = ""
    find: Callable[[Scenario, str], Campaign | None] = lambda _scenario, _target: None
    reads_json: bool = False
    keys: Callable[[str, object], Iterable[LeadKey]] = lambda _target, _body: ()
    accepts: Callable[[Scenario], str] | None = None

    def __call__(self, context: "RequestContext") -> ApiResponse:
        """Do the work."""
        return self.handle(context)
