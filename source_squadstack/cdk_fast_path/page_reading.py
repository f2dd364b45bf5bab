"""The rows of a partition, a page at a time: a path through the CDK's retrievers without an object for each row."""

from collections.abc import Iterable, Iterator
from typing import Any

import requests
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.declarative.stream_slicers.declarative_partition_generator import DeclarativePartition
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record, StreamSlice

from source_squadstack.components.response_body import Row
from source_squadstack.components.retrievers.paged import PagewiseRetriever
from source_squadstack.components.retrievers.recordings import RecordingsRetriever
from source_squadstack.components.retrievers.stable_window import StableWindowRetriever

GROUP = 100


def rows_of(partition: Partition) -> Iterator[list[Row]]:
    """Read a partition a page at a time, or in groups of records if the CDK's own path is needed."""
    retriever = retriever_of(partition)
    stream_slice = partition.to_slice()
    if isinstance(retriever, PagewiseRetriever) and isinstance(stream_slice, StreamSlice):
        selector = retriever.record_selector
        if isinstance(selector, RecordSelector) and selects_alone(selector):
            return whole_pages(retriever, selector, stream_slice)
    return groups(partition.read())


def announce(partition: Partition) -> bool:
    """Tell the retriever of a window that it will be read; return whether nothing else has to begin before it."""
    retriever, stream_slice = retriever_of(partition), partition.to_slice()
    if isinstance(retriever, StableWindowRetriever) and isinstance(stream_slice, StreamSlice):
        return retriever.announce(stream_slice)
    return True


def retriever_of(partition: Partition) -> Retriever | None:
    """Return what reads a partition."""
    return partition._retriever if isinstance(partition, DeclarativePartition) else None


def has_files(partition: Partition) -> bool:
    """Tell whether a partition's records refer to files, which a page of rows cannot say."""
    return isinstance(retriever_of(partition), RecordingsRetriever)


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
    """Return whether a selector only extracts, filters and transforms."""
    extended = type(selector) is not RecordSelector or selector.file_uploader is not None
    return not extended and not selector.transform_before_filtering


def whole_pages(
    retriever: PagewiseRetriever, selector: RecordSelector, stream_slice: StreamSlice
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
