"""The retriever of recordings: leads' windows, and the files that their rows name."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests
from airbyte_cdk.models import AirbyteRecordMessageFileReference
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.log import LOGGER, warn_once
from source_squadstack.components.recording_download import Downloader, Recording, RecordingStatus
from source_squadstack.components.recording_files import StagedFile, StagingDirectory, key_of
from source_squadstack.components.recordings import RecordingFilter, RecordingRequester, staging_of
from source_squadstack.components.response_body import Row
from source_squadstack.components.retrievers.stable_window import StableWindowRetriever


@dataclass(frozen=True, slots=True, eq=False)
class Download:
    """A row, and the recording that it will tell of."""

    row: Row
    key: str
    recording: Future[Recording]


@dataclass
class RecordingsRetriever(StableWindowRetriever):
    """Reads leads' windows, and downloads their recordings, at most `num_workers` at once.

    A record is yielded once its file is whole, and a window is over once all of its records are: no state can pass a
    recording that is not there. The next page of leads is asked for while a page's recordings still come.
    """

    _requester: RecordingRequester = field(init=False, repr=False)
    _selector: RecordSelector = field(init=False, repr=False)
    _filter: RecordingFilter = field(init=False, repr=False)
    _starting: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _pool: ThreadPoolExecutor | None = field(init=False, repr=False, default=None)
    _downloader: Downloader | None = field(init=False, repr=False, default=None)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        # By the manifest.
        assert isinstance(self.record_selector, RecordSelector)  # noqa: S101
        assert isinstance(self.record_selector.record_filter, RecordingFilter)  # noqa: S101
        self._selector, self._filter = self.record_selector, self.record_selector.record_filter
        # The manifest names an uploader, by which the CDK calls the stream one of files. The CDK's own would hold each
        # file in memory, and fail on the first recording that is gone. In the Builder it lies within another.
        uploader: Any = self._selector.file_uploader
        self._requester = getattr(uploader, "file_uploader", uploader).requester
        self._selector.file_uploader = None

    def read_records(
        self,
        records_schema: Mapping[str, Any],  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
    ) -> Iterable[Record]:
        """Yield a slice's records, each with its file."""
        whole = stream_slice or StreamSlice(partition={}, cursor_slice={})
        staging = staging_of(self.name)
        count: Counter[str] = Counter()
        under_way: list[Download] = []

        def select(response: requests.Response, piece: StreamSlice) -> list[list[Download]]:
            rows = self._filter.kept(self._selector.extractor.extract_records(response), piece)
            page = [self._begin(dict(row), staging) for row in rows]
            under_way.extend(page)
            return [page]

        try:
            for download in one_page_ahead(self.read_slice(select, whole)):
                recording = download.recording.result()
                under_way.remove(download)
                count[recording.status] += 1
                yield self._record(download, recording, staging, whole)
        except AirbyteTracedException as error:
            self.give_up(whole, error)
            raise
        finally:
            discard(under_way)
        if count:
            told = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
            LOGGER.info("Stream %s: recordings of campaign %s: %s.", self.name, whole.partition["campaign_id"], told)

    def _begin(self, row: Row, staging: StagingDirectory) -> Download:
        key = key_of(self._filter.as_it_leaves(row))
        if not self._requester.wants_files(self.name):
            future: Future[Recording] = Future()
            future.set_result(Recording(RecordingStatus.NOT_REQUESTED))
            return Download(row, key, future)
        with self._starting:
            if self._pool is None or self._downloader is None:
                workers = int(self.config.get("num_workers", 10))
                staging.open()
                self._downloader = self._requester.downloader(staging, workers)
                self._pool = ThreadPoolExecutor(workers, thread_name_prefix="recordings")
            return Download(row, key, self._pool.submit(self._downloader.download, row["recording_url"], key))

    def _record(
        self, download: Download, recording: Recording, staging: StagingDirectory, stream_slice: StreamSlice
    ) -> Record:
        file, row = recording.file, download.row
        row["status"] = str(recording.status)
        if file is not None:
            row["bytes"], row["sha256"] = file.size, file.sha256
        elif recording.status is not RecordingStatus.NOT_REQUESTED:
            file = self._placeholder(download.key, recording.status, staging)
        return Record(
            data=self._filter.as_it_leaves(row),
            stream_name=self.name,
            associated_slice=stream_slice,
            file_reference=None if file is None else reference_to(file),
        )

    def _placeholder(self, key: str, status: RecordingStatus, staging: StagingDirectory) -> StagedFile | None:
        if self.config["squadstack"].get("recording_placeholders", True):
            return staging.placeholder(key, status)
        warn_once(
            f"Stream {self.name} has rows without a file: `status` says what became of the recording. Airbyte's S3 "
            "destination fails on them: switch `squadstack.recording_placeholders` on for it."
        )
        return None


def one_page_ahead(pages: Iterable[list[Download]]) -> Iterator[Download]:
    """Yield the downloads of each page once the next page has been asked for; an error comes after what was read."""
    last: list[Download] = []
    failed: Exception | None = None
    try:
        for page in pages:
            yield from last
            last = page
    except AirbyteTracedException as error:
        failed = error
    yield from last
    if failed is not None:
        raise failed


def discard(downloads: list[Download]) -> None:
    """Drop downloads that no record will refer to, with their files."""
    for download in downloads:
        download.recording.cancel()
        download.recording.add_done_callback(remove_file)


def remove_file(future: Future[Recording]) -> None:
    """Remove the file of a download that nobody will refer to."""
    if not future.cancelled() and future.exception() is None and (file := future.result().file):
        file.path.unlink(missing_ok=True)


def reference_to(file: StagedFile) -> AirbyteRecordMessageFileReference:
    """Return what a record says of its file."""
    return AirbyteRecordMessageFileReference(
        staging_file_url=str(file.path), source_file_relative_path=file.name, file_size_bytes=file.size
    )
