"""The errors that components raise and handle among themselves."""

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


class RefusedError(AirbyteTracedException):
    """A request that the server refuses, with the message of the error table and the status of the response."""

    status_code = 0


class UnreadableBodyError(ValueError):
    """A body that differs from the documented one. The text says how, without quoting the body."""


class WindowChangedError(Exception):
    """A set of leads that changed while it was paged: the window has to be read again."""


DEAD_KEY = frozenset({400, 404, 410, 422})


def refusal(status_code: int, message: str, failure_type: FailureType) -> RefusedError:
    """Return a new error of a refusal: raising the same one again would add a traceback each time."""
    refused = RefusedError(message=message, internal_message=f"HTTP {status_code}", failure_type=failure_type)
    refused.status_code = status_code
    return refused
