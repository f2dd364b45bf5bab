"""The requesters of the source's streams, as its manifest defines them."""

from typing import Any

from source_squadstack.source import SourceSquadstack


def requesters_of(source: SourceSquadstack) -> dict[str, Any]:
    """Return the definition of each stream's requester, by the stream's name."""
    return {
        stream["name"]: stream["retriever"]["requester"]
        for group in source.resolved_manifest["streams"]
        for stream in group["streams"]
    }
