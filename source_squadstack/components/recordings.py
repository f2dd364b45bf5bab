"""The stream `call_recordings`: one record for the latest recording of a lead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airbyte_cdk.sources.types import Config, StreamSlice
from airbyte_cdk.sources.utils.files_directory import get_files_directory

from source_squadstack.components.recording_download import Downloader
from source_squadstack.components.recording_files import StagingDirectory
from source_squadstack.components.recording_hosts import RecordingHosts
from source_squadstack.components.records import LeadFilter
from source_squadstack.components.response_body import Row

# Where the package puts the names of the streams whose files the connection asks for: a component is not told.
INCLUDE_FILES = "__include_files"

# What stands in the place of a link that is none, and is no address.
NO_TEXT = "(not a text)"


@dataclass
class RecordingFilter(LeadFilter):
    """Replaces the leads of a window by their latest recordings; a lead without one is left out."""

    def kept(
        self, records: Iterable[Mapping[str, Any]], stream_slice: StreamSlice | None
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the recordings of the rows that belong to the slice."""
        for lead in super().kept(records, stream_slice):
            url = lead.get("latest_recording_url")
            if url is not None and not isinstance(url, str):
                # Not what it holds: a key is not masked, and an object may hold the lead's number and name.
                url = NO_TEXT
            if url and url.strip():
                yield recording_of(lead, url)

    def as_it_leaves(self, row: Row) -> Row:
        """Return a row as it may leave."""
        if self.masker is None:
            return row
        (masked,) = self.masked([row], self.masker)
        return dict(masked)


def recording_of(lead: Mapping[str, Any], url: str) -> Row:
    """Return the record of a lead's recording, before anything is known of its file."""
    return {
        "campaign_id": lead["campaign_id"],
        "lead_id": lead.get("lead_id"),
        "recording_url": url,
        "called_at": lead.get("latest_called_at"),
        "processed_at": lead.get("processed_at"),
        "bytes": None,
        "sha256": None,
        "status": None,
    }


@dataclass
class RecordingRequester:
    """What the manifest says about how recordings are asked for, in the place of a requester of the CDK.

    That one would send the API's token along, follow redirects, spend the API's allowance, and hold a file in memory.
    """

    config: Config
    connect_timeout_in_seconds: float = 15.0
    read_timeout_in_seconds: float = 60.0

    def wants_files(self, stream: str) -> bool:
        """Tell whether the connection asks for a stream's files."""
        return stream in self.config.get(INCLUDE_FILES, ())

    def downloader(self, staging: StagingDirectory, connections: int) -> Downloader:
        """Return what downloads recordings into a directory."""
        return Downloader(
            RecordingHosts.of(self.config),
            staging,
            timeouts=(float(self.connect_timeout_in_seconds), float(self.read_timeout_in_seconds)),
            connections=connections,
        )


def staging_of(stream: str) -> StagingDirectory:
    """Return a stream's folder in the directory that the platform takes files from."""
    return StagingDirectory(Path(get_files_directory()), stream)
