"""The connections of the source."""

import requests
from airbyte_cdk.sources.http_config import MAX_CONNECTION_POOL_SIZE

from squadstack_common.overall_timeout import OverallTimeoutAdapter


def limit_answers(session: requests.Session) -> requests.Session:
    """Give a session's answers a time to come whole: one that comes a byte at a time would hold a sync for ever."""
    adapter = OverallTimeoutAdapter(pool_connections=MAX_CONNECTION_POOL_SIZE, pool_maxsize=MAX_CONNECTION_POOL_SIZE)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session
