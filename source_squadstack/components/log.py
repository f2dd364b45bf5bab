"""The connector's log: nothing of a row's values goes into it, and a warning is written once."""

import functools
import logging

LOGGER = logging.getLogger("airbyte")

# At debug level the CDK logs every response's body: phone numbers and names.
logging.getLogger("airbyte.HttpRequester").setLevel(logging.INFO)


def describe_unparsed_cursor(record: logging.LogRecord) -> bool:
    """Take the value out of the CDK's warning about a cursor it cannot parse: it may be anything."""
    if isinstance(record.msg, str) and record.msg.startswith("Skipping cursor update"):
        record.msg, record.args = "A row's cursor field is not a time: the row is emitted, the cursor stays.", ()
    return True


LOGGER.addFilter(describe_unparsed_cursor)


@functools.cache
def say_once(warning: str) -> None:
    """Log a warning; the CDK builds its streams several times."""
    LOGGER.warning(warning)
