"""The connector's log: it never holds a row's values, and it holds each warning once."""

import functools
import logging

LOGGER = logging.getLogger("airbyte")

# At debug level the CDK logs the body of every response, with phone numbers and names.
logging.getLogger("airbyte.HttpRequester").setLevel(logging.INFO)


def describe_unparsed_cursor(record: logging.LogRecord) -> bool:
    """Remove the value from the CDK's warning about a cursor that it cannot parse: it may be personal data."""
    if isinstance(record.msg, str) and record.msg.startswith("Skipping cursor update"):
        record.msg, record.args = "A row's cursor field is not a time: the row is emitted, the cursor stays.", ()
    return True


LOGGER.addFilter(describe_unparsed_cursor)


@functools.cache
def warn_once(warning: str) -> None:
    """Log a warning the first time only: the CDK builds its streams several times."""
    LOGGER.warning(warning)
