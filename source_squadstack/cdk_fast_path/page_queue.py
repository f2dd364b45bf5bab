"""The queue of pages from the reading threads to stdout, with the CDK's threads and order of events."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from airbyte_cdk.models import AirbyteMessage
from airbyte_cdk.models import Type as MessageType
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.partition_generation_completed_sentinel import (
    PartitionGenerationCompletedSentinel,
)
from airbyte_cdk.sources.concurrent_source.stream_thread_exception import StreamThreadException
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partition_enqueuer import PartitionEnqueuer
from airbyte_cdk.sources.streams.concurrent.partition_reader import PartitionLogger, PartitionReader
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.types import PartitionCompleteSentinel
from airbyte_cdk.sources.types import Record

from source_squadstack.cdk_fast_path.cursor_tracking import CursorTracker
from source_squadstack.cdk_fast_path.one_thread_pool import OneThreadPool
from source_squadstack.cdk_fast_path.page import Page, page_of
from source_squadstack.cdk_fast_path.page_reading import announce, has_files, rows_of

if TYPE_CHECKING:
    from queue import Queue

# Pages between the threads that read and the one that writes: enough that nobody waits, few enough to be no memory.
PAGES_IN_FLIGHT = 2
MOST_LATER = 1_000  # windows of a stream; one more campaign of ten years has 120


def read_pages(source: ConcurrentDeclarativeSource) -> None:
    """Make a source that has not begun to read yield pages instead of records."""
    source._concurrent_source = PagedConcurrentSource.in_place_of(source._concurrent_source)


def read_in_one_thread(source: ConcurrentDeclarativeSource) -> None:
    """Give a source that has not begun to read a pool of one thread."""
    source._concurrent_source._threadpool = OneThreadPool(source.logger)


class PagedConcurrentSource(ConcurrentSource):
    """A concurrent source that yields pages among its messages."""

    @classmethod
    def in_place_of(cls, source: ConcurrentSource) -> "PagedConcurrentSource":
        """Return an instance with the arguments of another one."""
        return cls(
            threadpool=source._threadpool,
            logger=source._logger,
            slice_logger=source._slice_logger,
            queue=source._queue,
            message_repository=source._message_repository,
            initial_number_partitions_to_generate=source._initial_number_partitions_to_generate,
        )

    def read(self, streams: list[AbstractStream]) -> Iterator[AirbyteMessage]:
        """Read streams as the CDK does, with a reader and a processor of pages."""
        self._logger.info("Starting syncing")
        self._reader = PageReader(
            self._queue, PartitionLogger(self._slice_logger, self._logger, self._message_repository)
        )
        processor = PageProcessor(
            streams,
            PartitionEnqueuer(self._queue, self._threadpool),
            self._threadpool,
            self._logger,
            self._slice_logger,
            self._message_repository,
            self._reader,
            max_concurrent_partition_generators=self._initial_number_partitions_to_generate,
        )
        try:
            yield from self._submit_initial_partition_generators(processor)
            yield from self._consume_from_queue(self._queue, processor)
            self._threadpool.check_for_errors_and_shutdown()
            self._logger.info("Finished syncing")
        finally:
            # Else a thread that waits for the queue would keep the process from ending when this one has failed.
            self._reader.stop()

    def _handle_item(self, queue_item: Any, concurrent_stream_processor: ConcurrentReadProcessor) -> Iterator[Any]:
        if not isinstance(queue_item, Page):
            yield from super()._handle_item(queue_item, concurrent_stream_processor)
            return
        assert isinstance(concurrent_stream_processor, PageProcessor)  # noqa: S101  # by `read`
        yield from concurrent_stream_processor.on_page(queue_item)
        self._reader.page_has_left()


class PageProcessor(ConcurrentReadProcessor):
    """Turns queue items into messages."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._later: defaultdict[str, list[Partition]] = defaultdict(list)

    def on_partition(self, partition: Partition) -> None:
        """Have a partition read, the first windows of other campaigns before the later ones of its own.

        Later windows have to wait for the first answer to their campaign: all threads would, one campaign at a time.
        """
        if announce(partition):
            super().on_partition(partition)
            return
        stream = partition.stream_name()
        self._later[stream].append(partition)
        if len(self._later[stream]) >= MOST_LATER:
            self._read_later(stream)

    def on_partition_generation_completed(self, sentinel: PartitionGenerationCompletedSentinel) -> Iterable[Any]:
        """Have the later windows of a stream read, whose campaigns have all begun."""
        self._read_later(sentinel.stream.name)
        yield from super().on_partition_generation_completed(sentinel)

    def _read_later(self, stream: str) -> None:
        for partition in self._later.pop(stream, []):
            super().on_partition(partition)

    def on_page(self, page: Page) -> Iterator[AirbyteMessage | Page]:
        """Yield a page, with all that the CDK yields before and behind a record."""
        for message in self.on_record(Record(page.last, page.stream)):
            yield page if message.type == MessageType.RECORD else message
        self._record_counter[page.stream] += page.records - 1


class PageReader(PartitionReader):
    """Reads a partition in a thread of the pool; puts pages into the queue, where the CDK's reader puts records."""

    def __init__(self, queue: "Queue[Any]", partition_logger: PartitionLogger) -> None:
        super().__init__(queue, partition_logger)
        self._log = partition_logger.log
        self._pages = queue
        self._free = Semaphore(PAGES_IN_FLIGHT)
        self._stopped = False

    def process_partition(self, partition: Partition, cursor: Cursor) -> None:
        """Read a partition to its end; put any error into the queue, which the main thread waits for."""
        if has_files(partition):
            super().process_partition(partition, cursor)
            return
        stream = partition.stream_name()
        tracker = CursorTracker(cursor, stream, partition.to_slice())
        try:
            self._log(partition)
            for rows in rows_of(partition):
                page = page_of(stream, rows)
                tracker.track(rows)
                rows.clear()  # else every thread would keep a page's rows while it waits for the next page
                self._free.acquire()
                if self._stopped:
                    return
                self._pages.put(page)
                del page
            tracker.finish()
            cursor.close_partition(partition)
            self._pages.put(PartitionCompleteSentinel(partition, is_successful=True))
        except Exception as error:  # noqa: BLE001  # as the CDK's reader: else the main thread would wait for ever
            self._pages.put(StreamThreadException(error, stream))
            self._pages.put(PartitionCompleteSentinel(partition, is_successful=False))

    def page_has_left(self) -> None:
        """Record that a page is written."""
        self._free.release()

    def stop(self) -> None:
        """Release every thread that waits for the queue: nobody reads it any more."""
        self._stopped = True
        self._free.release(1000)
        with self._pages.mutex:
            self._pages.maxsize = 0
            self._pages.not_full.notify_all()
