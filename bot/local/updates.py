"""The update queue: what happened and was not yet confirmed by the bot."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

JSON = dict[str, Any]

FIRST = 700_000_001
PAGE = 100
KEPT_FOR = 24 * 3600
TAPS_KEPT_FOR = 150
# Telegram leaves these out unless they are asked for by name.
BY_NAME_ONLY = {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass(slots=True)
class Waiting:
    """One update in the queue."""

    update: JSON
    kind: str
    born: float
    odd: bool = False
    delivered: bool = False

    @property
    def id(self) -> int:
        """The update's own number."""
        number = self.update.get("update_id")
        return number if isinstance(number, int) else 0

    def stale(self, now: float) -> bool:
        """Say whether Telegram would have dropped it by now."""
        kept = TAPS_KEPT_FOR if self.kind == "callback_query" else KEPT_FOR
        return now - self.born > kept


class Queue:
    """Updates in the order in which they happened."""

    def __init__(self) -> None:
        self.waiting: deque[Waiting] = deque()
        self.next_id = FIRST
        self.allowed: list[str] | None = None
        self.wakers: set[Callable[[], None]] = set()
        self._last: tuple[int, bool] = (0, False)

    def push(self, kind: str, payload: JSON, now: float) -> int | None:
        """Add an update, unless the bot did not ask for its kind."""
        if kind not in self.allowed if self.allowed else kind in BY_NAME_ONLY:
            return None
        update_id = self.next_id
        self.next_id += 1
        self._add(Waiting({"update_id": update_id, kind: payload}, kind, now))
        return update_id

    def push_raw(self, update: JSON, now: float) -> None:
        """Add an update as it is, however odd; a lower or repeated id is delivered all the same."""
        if "update_id" not in update:
            update = {"update_id": self.next_id, **update}
        if isinstance(update["update_id"], int):
            self.next_id = max(self.next_id, update["update_id"] + 1)
        kind = next((name for name in update if name != "update_id"), "")
        self._add(Waiting(update, kind, now, odd=True))

    def _add(self, waiting: Waiting) -> None:
        self.waiting.append(waiting)
        self.wake()

    def wake(self) -> None:
        """Tell whoever waits for updates that something is new."""
        for waker in tuple(self.wakers):
            waker()

    def page(self, offset: int, limit: int, now: float) -> list[JSON]:
        """Forget what the offset confirms and return the next page."""
        if offset < 0:
            self.waiting = deque(list(self.waiting)[offset:])
        elif offset:
            self._confirm(offset)
        if offset and self._last == (offset, True):
            # Telegram answers a bot that asks again without confirming with one update only.
            limit = 1
        page: list[Waiting] = []
        stale = False
        for one in self.waiting:
            if one.stale(now):
                stale = True
                continue
            page.append(one)
            one.delivered = True
            if len(page) >= limit:
                break
        if stale:
            self.waiting = deque(one for one in self.waiting if not one.stale(now))
        if page or offset != self._last[0]:
            self._last = (offset, bool(page))
        return [one.update for one in page]

    def _confirm(self, offset: int) -> None:
        while self.waiting and not self.waiting[0].odd and self.waiting[0].id < offset:
            self.waiting.popleft()
        if any(one.odd for one in islice(self.waiting, PAGE)):
            # An update put in by hand may carry an old number; it counts as confirmed only once
            # it was delivered.
            self.waiting = deque(
                one for one in self.waiting if one.id >= offset or (one.odd and not one.delivered)
            )

    def first(self, now: float) -> Waiting | None:
        """Return the oldest update that is still worth delivering, for a webhook."""
        while self.waiting and self.waiting[0].stale(now):
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None

    def confirm(self, waiting: Waiting) -> None:
        """Forget an update that the webhook took."""
        if waiting in self.waiting:
            self.waiting.remove(waiting)

    def restore(self, allowed: list[str] | None, waiting: list[list[Any]]) -> None:
        """Take over what a saved queue held."""
        self.allowed = allowed
        self.waiting = deque(Waiting(*one) for one in waiting)
