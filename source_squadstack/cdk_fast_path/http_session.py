"""The requests session of a requester of the CDK."""

import requests
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester


def session_of(requester: HttpRequester) -> requests.Session:
    """Return a requester's session: the CDK has a setting neither for redirects nor for proxies."""
    return requester._http_client._session
