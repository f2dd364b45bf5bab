"""What can end a sync, each with the failure type the platform acts on.

Messages are sentences for the user. They name config fields and line numbers, never a value: a value may be a token or
a person.
"""


class SyncError(Exception):
    """Ends the sync: no state that covers an unresolved record leaves after it."""

    failure_type = "system_error"


class ConfigError(SyncError):
    """Only the user can put it right; trying again without a change is pointless."""

    failure_type = "config_error"


class TransientError(SyncError):
    """The next attempt may succeed; the platform retries."""

    failure_type = "transient_error"


class MalformedInput(SyncError):  # noqa: N818 - it is the input that is at fault
    """A line of the input that cannot be understood; the message names its number, never its text."""


class OutputClosed(Exception):  # noqa: N818 - it is what happened, to be handled, not reported
    """Nobody reads our output any more: nothing can be acknowledged, so nothing is reported either."""


def unexpected(error: BaseException) -> SyncError:
    """Wrap an exception that should not have happened; its own text may hold a record, so only its type is told."""
    return SyncError(f"Something went wrong inside the connector ({type(error).__name__}).").with_traceback(
        error.__traceback__
    )
