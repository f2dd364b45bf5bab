"""The errors that end a sync, each with the failure type on which the platform acts.

Messages are sentences for the user. They name config fields and line numbers, never a value: a value may be a token or
a person.
"""


class SyncError(Exception):
    """Ends the sync: no state that covers an unresolved record leaves after it."""

    failure_type = "system_error"


class ConfigError(SyncError):
    """An error that only the user can correct: trying again without a change is useless."""

    failure_type = "config_error"


class TransientError(SyncError):
    """An error after which the next attempt may succeed; the platform retries."""

    failure_type = "transient_error"


class MalformedInput(SyncError):  # noqa: N818 - it is the input that is at fault
    """A line of the input that cannot be read; the message names its number, never its text."""


class OutputClosed(Exception):  # noqa: N818 - it is what happened, to be handled, not reported
    """stdout is closed: nothing can be acknowledged, so nothing is reported either."""


def unexpected(error: BaseException) -> SyncError:
    """Wrap an exception that should not have happened; its own text may hold a record, so only its type is told."""
    return SyncError(f"Something went wrong inside the connector ({type(error).__name__}).").with_traceback(
        error.__traceback__
    )
