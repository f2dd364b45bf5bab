"""The source's work as a tap of the Meltano singer-sdk: a REST stream, one partition per campaign, incremental.

python tap.py --config config.json          {"address", "since", "until", "page_size", "campaigns"}
"""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseHATEOASPaginator
from singer_sdk.streams import RESTStream

_TEXTS = ("lead_id", "campaign_id", "phone_number", "contact_name", "lead_outcome", "latest_recording_url")
_TIMES = ("processed_at", "latest_called_at", "created_at")


class Links(BaseHATEOASPaginator):
    """Follows the body's own link."""

    def get_next_url(self, response: Any) -> str | None:
        """Return it."""
        link: str | None = response.json()["next"]
        return link


class Responses(RESTStream[Any]):
    """Responses of leads."""

    name = "lead_responses"
    path = "/api/v4/leads/responses/{campaign_id}/"
    records_jsonpath = "$.results[*]"
    primary_keys = ("campaign_id", "lead_id")
    replication_key = "processed_at"
    schema = th.PropertiesList(
        *(th.Property(name, th.StringType) for name in _TEXTS),
        *(th.Property(name, th.DateTimeType) for name in _TIMES),
        th.Property("lead_responses", th.ObjectType(additional_properties=True)),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """Return the address."""
        return str(self.config["address"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """Return the token's."""
        return BearerTokenAuthenticator(token="bench-token")  # noqa: S106 - of no real service

    @property
    def partitions(self) -> list[dict[str, str]]:
        """Return the campaigns."""
        return [{"campaign_id": campaign} for campaign in self.config["campaigns"]]

    def get_new_paginator(self) -> Links:
        """Return what follows the pages."""
        return Links()

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        """Return the query of the first page, or of the next."""
        if next_page_token:
            return dict(parse_qsl(next_page_token.query))
        since = self.get_starting_replication_key_value(context) or self.config["since"]
        after = int(datetime.fromisoformat(since).timestamp() * 1000)
        before = self.config["until"]
        return {"page_size": self.config["page_size"], "processed_after": after, "processed_before": before}


class TapResponses(Tap):
    """The tap."""

    name = "tap-responses"
    config_jsonschema = th.PropertiesList(th.Property("address", th.StringType)).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [Responses(self)]


if __name__ == "__main__":
    TapResponses.cli()
