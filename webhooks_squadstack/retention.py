"""Retention: events of an age are deleted once all consumers have confirmed them."""

import asyncio
import logging
from collections.abc import Callable

from webhooks_squadstack.database import ERRORS
from webhooks_squadstack.logs import log
from webhooks_squadstack.store import Store, StoreError
from webhooks_squadstack.tables import DAY
from webhooks_squadstack.writer import Writer

_SECONDS_BETWEEN = 600.0


class Retention:
    """Deletes in small transactions, between the commits of new events."""

    def __init__(self, store: Store, writer: Writer, *, days: float, clock: Callable[[], int]) -> None:
        self._store = store
        self._writer = writer
        self._age = int(days * DAY)
        self._clock = clock

    async def run(self) -> None:
        """Delete what is due, at once and then from time to time, until cancelled."""
        while True:
            try:
                deleted = await self.delete_due()
            except (*ERRORS, StoreError) as error:
                log("retention_failed", level=logging.WARNING, error=type(error).__name__)
            else:
                if deleted:
                    log("events_deleted", events=deleted)
            await asyncio.sleep(_SECONDS_BETWEEN)

    async def delete_due(self) -> int:
        """Delete everything that is due now; return how many events that were."""
        before = self._clock() - self._age
        total = 0
        while deleted := await self._writer.run(lambda: self._store.delete_some(received_before=before)):
            total += deleted
        return total
