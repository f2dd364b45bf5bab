"""The short way from a response to stdout: whole pages of rows, where the CDK takes each record through its queue.

All else is the CDK's, by the manifest: requests, authentication, paging, errors and their retries, slices, states,
statuses and traces. A page is written out as one piece by the thread that read it, and the cursor is shown its newest
row instead of each of its rows. What comes out is what the CDK alone puts out: a test compares the two message by
message.
"""

import json
import logging
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty
from threading import Semaphore
from typing import TYPE_CHECKING, Any

import orjson
import requests
from airbyte_cdk.models import AirbyteMessage, AirbyteStreamStatus
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.stream_thread_exception import StreamThreadException
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partition_enqueuer import PartitionEnqueuer
from airbyte_cdk.sources.streams.concurrent.partition_reader import PartitionLogger, PartitionReader
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.types import PartitionCompleteSentinel, QueueItem
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as status_message

from source_squadstack.components import KeyedRetriever, Row, StableWindowRetriever, in_order, written_time

if TYPE_CHECKING:
    from queue import Queue

# Pages between the threads that read and the one that writes: enough that nobody waits, few enough to be no memory.
PAGES_IN_FLIGHT = 2


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a stream as they go to stdout, a line each; the last one also as it is."""

    stream: str
    records: int
    lines: bytes
    last: Row


def page_of(stream: str, rows: list[Row]) -> Page:
    """Write rows out as the CDK does: without their null fields, numbers of any size exact."""
    head = b'{"type":"RECORD","record":{"stream":%b,"data":' % orjson.dumps(stream)
    foot = b',"emitted_at":%d}}\n' % (time.time_ns() // 1_000_000)
    lines = list(map(written, rows))
    lines[0] = head + lines[0]
    lines[-1] += foot
    return Page(stream, len(rows), (foot + head).join(lines), rows[-1])


def written(row: Row) -> bytes:
    """Return a row's JSON."""
    if None in row.values():
        row = {name: value for name, value in row.items() if value is not None}
    try:
        return orjson.dumps(row)
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(row).encode()


# --- reading --------------------------------------------------------------------------------------------------------


GROUP = 100


def rows_of(partition: Partition) -> Iterator[list[Row]]:
    """Read a partition a page at a time; where the CDK's own way is needed, in groups of records."""
    retriever = getattr(partition, "_retriever", None)
    stream_slice = partition.to_slice()
    if isinstance(retriever, StableWindowRetriever | KeyedRetriever) and isinstance(stream_slice, StreamSlice):
        selector = retriever.record_selector
        if isinstance(selector, RecordSelector) and selects_alone(selector):
            return whole_pages(retriever, selector, stream_slice)
    return groups(partition.read())


def groups(records: Iterable[Record]) -> Iterator[list[Row]]:
    """Yield records' rows in groups; those that came before an error, too."""
    group: list[Row] = []
    try:
        for record in records:
            group.append(record.data)  # type: ignore[arg-type]  # a dict, which the CDK calls a mapping
            if len(group) == GROUP:
                yield group
                group = []
    except Exception:
        if group:
            yield group
        raise
    if group:
        yield group


def selects_alone(selector: RecordSelector) -> bool:
    """Tell whether a selector does no more than extract, filter and transform."""
    extended = type(selector) is not RecordSelector or selector.file_uploader is not None
    return not extended and not selector.transform_before_filtering


def whole_pages(
    retriever: StableWindowRetriever | KeyedRetriever, selector: RecordSelector, stream_slice: StreamSlice
) -> Iterator[list[Row]]:
    """Read a slice's pages by its retriever, each page's rows taken for the one record of the page.

    The paging of these retrievers asks the response alone how to go on, never the records.
    """
    pages = retriever.read_slice(lambda response, piece: [selected(selector, response, piece)], stream_slice)
    return (rows for rows in pages if rows)


def selected(selector: RecordSelector, response: requests.Response, stream_slice: StreamSlice) -> list[Row]:
    """Extract, filter and transform a response's rows, as `RecordSelector.select_records` does record by record."""
    rows: Iterable[Any] = selector.extractor.extract_records(response)
    if selector.record_filter is not None:
        rows = selector.record_filter.filter_records(rows, stream_state={}, stream_slice=stream_slice)
    rows = list(rows)
    for transformation in selector.transformations:
        for row in rows:
            transformation.transform(row, config=selector.config, stream_state={}, stream_slice=stream_slice)
    return rows


# --- the cursor -----------------------------------------------------------------------------------------------------


class Newest:
    """The newest row of a partition, which is all that its cursor has to be shown of it."""

    def __init__(self, cursor: Cursor, stream: str, stream_slice: Any) -> None:
        self._cursor = cursor
        self._stream = stream
        self._slice = stream_slice
        field = getattr(cursor, "cursor_field", None)
        self._name = field.cursor_field_key if field else None  # the cursor of a full refresh observes nothing
        self._value: Any = None

    def see(self, rows: list[Row]) -> None:
        """Take note of a page's rows; where it cannot be told which is the newest, show them all, as the CDK does."""
        if self._name is None:
            return
        name = self._name
        values = [value for row in rows if (value := row.get(name)) is not None]
        newest = newest_of(values if self._value is None else [*values, self._value])
        if newest is not None:
            self._value = newest
        elif values:
            self._observe(rows)

    def show(self) -> None:
        """Show the cursor the newest row: before the partition is closed, which is when its state may move."""
        if self._value is not None:
            self._observe([{self._name: self._value}])

    def _observe(self, rows: Iterable[Any]) -> None:
        for row in rows:
            self._cursor.observe(Record(data=row, stream_name=self._stream, associated_slice=self._slice))


SORTABLE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
INTEGERS = range(100_000_000_000)  # seconds until the year 5138, or numbers of events


def newest_of(values: list[Any]) -> Any:
    """Return the newest of written times, or the greatest of integers; `None` where there is anything else."""
    if all(type(value) is str and SORTABLE_TIME.fullmatch(value) for value in values):
        newest = max(values, key=in_order, default=None)
        return newest if written_time(newest) is not None else None
    if all(type(value) is int and value in INTEGERS for value in values):
        return max(values)
    return None


# --- threads --------------------------------------------------------------------------------------------------------


class PageReader(PartitionReader):
    """Reads a partition in a thread of the pool; puts pages into the queue, where the CDK's reader puts records."""

    def __init__(self, queue: "Queue[QueueItem]", partition_logger: PartitionLogger) -> None:
        super().__init__(queue, partition_logger)
        self._free = Semaphore(PAGES_IN_FLIGHT)
        self._stopped = False

    def process_partition(self, partition: Partition, cursor: Cursor) -> None:
        """Read a partition to its end; whatever goes wrong goes into the queue, which the main thread waits for."""
        assert self._partition_logger is not None  # noqa: S101  # by the constructor
        stream = partition.stream_name()
        newest = Newest(cursor, stream, partition.to_slice())
        try:
            self._partition_logger.log(partition)
            for rows in rows_of(partition):
                page = page_of(stream, rows)
                newest.see(rows)
                rows.clear()  # else every thread would keep a page's rows while it waits for the next page
                self._free.acquire()
                if self._stopped:
                    return
                self._queue.put(page)  # type: ignore[arg-type]  # PagedReading, behind the queue, takes it
                del page
            newest.show()
            cursor.close_partition(partition)
            self._queue.put(PartitionCompleteSentinel(partition, is_successful=True))
        except Exception as error:  # noqa: BLE001  # as the CDK's reader: else the main thread would wait for ever
            self._queue.put(StreamThreadException(error, stream))
            self._queue.put(PartitionCompleteSentinel(partition, is_successful=False))

    def written(self) -> None:
        """Note that a page has left."""
        self._free.release()

    def stop(self) -> None:
        """Let go of every thread that waits for the queue: there is nobody behind it any more."""
        self._stopped = True
        self._free.release(1000)
        with self._queue.mutex:
            self._queue.maxsize = 0
            self._queue.not_full.notify_all()


class OneThread(ThreadPoolManager):
    """The pool of `num_workers` 1: its thread reads partitions itself when it has generated as many as the pool takes.

    The CDK's thread that generates partitions waits until others have read some. Where there are no others, that is for
    ever; with a second thread the one worker's order would be lost.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="workerpool")
        super().__init__(self._executor, logger)

    def prune_to_validate_has_reached_futures_limit(self) -> bool:
        """Tell whether generating has to wait; reads the oldest partition first, where it would have to."""
        if not super().prune_to_validate_has_reached_futures_limit():
            return False
        with suppress(Empty):
            self._executor._work_queue.get_nowait().run()  # noqa: SLF001  # what the thread would run next
        return super().prune_to_validate_has_reached_futures_limit()


class PageProcessor(ConcurrentReadProcessor):
    """Counts pages into their streams, whose status it tells as the CDK does of records."""

    def on_page(self, page: Page) -> Iterator[AirbyteMessage | Page]:
        """Yield a page, behind the status of a stream that is about to give its first."""
        if self._record_counter[page.stream] == 0:
            self._logger.info("Marking stream %s as RUNNING", page.stream)
            stream = self._stream_name_to_instance[page.stream]
            yield status_message(stream.as_airbyte_stream(), AirbyteStreamStatus.RUNNING)
        self._record_counter[page.stream] += page.records
        yield page
        yield from self._message_repository.consume_queue()


class PagedReading(ConcurrentSource):
    """The CDK's threads, queue and order of events, with pages in the place of records."""

    @staticmethod
    def instead_of(source: ConcurrentSource) -> "PagedReading":
        """Take over what a source that has not begun to read was built with."""
        paged = PagedReading.__new__(PagedReading)
        vars(paged).update(vars(source))
        return paged

    def read(self, streams: list[AbstractStream]) -> Iterator[AirbyteMessage]:
        """Read streams; yields pages among the messages."""
        self._logger.info("Starting syncing")
        logger = PartitionLogger(self._slice_logger, self._logger, self._message_repository)
        self._pages = PageReader(self._queue, logger)
        processor = PageProcessor(
            streams,
            PartitionEnqueuer(self._queue, self._threadpool),
            self._threadpool,
            self._logger,
            self._slice_logger,
            self._message_repository,
            self._pages,
            max_concurrent_partition_generators=self._initial_number_partitions_to_generate,
        )
        try:
            yield from self._submit_initial_partition_generators(processor)
            yield from self._consume_from_queue(self._queue, processor)
            self._threadpool.check_for_errors_and_shutdown()
            self._logger.info("Finished syncing")
        finally:
            # Else a thread that waits for the queue would keep the process from ending when this one has failed.
            self._pages.stop()

    def _handle_item(self, queue_item: Any, concurrent_stream_processor: ConcurrentReadProcessor) -> Iterator[Any]:
        if not isinstance(queue_item, Page):
            yield from super()._handle_item(queue_item, concurrent_stream_processor)
            return
        assert isinstance(concurrent_stream_processor, PageProcessor)  # noqa: S101  # by `read`
        yield from concurrent_stream_processor.on_page(queue_item)
        self._pages.written()
