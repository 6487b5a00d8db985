"""The clock's one job: look every second whether something is due, every hour whether to tidy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)


class Alarm:
    """Rings once a second and offers an hour's work every hour; what is due it does not know.

    What was missed while the process was down or busy comes at once, once: ``coalesce``, no grace
    time, one instance.
    """

    def __init__(
        self,
        ring: Callable[[], Awaitable[None]],
        hourly: Callable[[], Awaitable[None]],
    ) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._scheduler.add_job(_careful(ring), "interval", seconds=1, id="ring")
        # The first hour begins at once: a night that was slept through is made up for at the start.
        self._scheduler.add_job(
            _careful(hourly), "interval", hours=1, id="hourly", next_run_time=datetime.now(UTC)
        )

    def start(self) -> None:
        """Begin to ring, inside the running loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more."""
        self._scheduler.shutdown(wait=False)


def _careful(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return the work so that a failure is logged and the next time still comes."""

    async def done() -> None:
        try:
            await work()
        except asyncio.CancelledError:
            log.debug("scheduled work was cut short by the end")
        except Exception:
            log.exception("scheduled work failed")

    return done
