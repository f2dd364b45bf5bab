"""The errors by which components tell each other what happened to a request."""

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


class RefusedError(AirbyteTracedException):
    """A refusal, as the error table tells it; it remembers the status for who knows what it means of one request."""

    status_code = 0


class UnreadableBodyError(ValueError):
    """A body that is not the documented one; the text says how it differs, without any of it."""


class WindowChangedError(Exception):
    """The set of leads changed while it was paged: the window must be read again."""


DEAD_KEY = frozenset({400, 404, 410, 422})


def refusal(status_code: int, message: str, failure_type: FailureType) -> RefusedError:
    """Return a new error of a refusal: one that is raised again grows by a traceback each time."""
    refused = RefusedError(message=message, internal_message=f"HTTP {status_code}", failure_type=failure_type)
    refused.status_code = status_code
    return refused
