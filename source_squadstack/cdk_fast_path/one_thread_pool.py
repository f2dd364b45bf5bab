"""The thread pool of `num_workers` 1."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty

from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager


class OneThreadPool(ThreadPoolManager):
    """A pool whose only thread reads partitions itself once it has generated as many as the pool takes.

    The CDK's thread that generates partitions waits until others have read some. Where there are no others, that is for
    ever; with a second thread the one worker's order would be lost.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="workerpool")
        super().__init__(self._executor, logger)

    def prune_to_validate_has_reached_futures_limit(self) -> bool:
        """Tell whether generating has to wait; read the oldest partition first where it would have to."""
        if not super().prune_to_validate_has_reached_futures_limit():
            return False
        with suppress(Empty):
            self._executor._work_queue.get_nowait().run()  # what the thread would run next
        return super().prune_to_validate_has_reached_futures_limit()
