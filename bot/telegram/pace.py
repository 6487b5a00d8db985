"""How fast is too fast: a bucket of tokens that fills with time; pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """Lets ``burst`` calls through at once and ``rate`` a second in the long run."""

    rate: float
    burst: float
    _tokens: float = field(init=False)
    _at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._tokens = self.burst

    def opens(self, now: float) -> float:
        """Return the moment from which one call may go; ``now`` or earlier: at once."""
        self._fill(now)
        # A hair of tolerance, or a timer that rings at the very moment finds 0.9999 of a token.
        return now if self._tokens >= 1 - 1e-6 else now + (1 - self._tokens) / self.rate

    def take(self, now: float) -> None:
        """Take a token for a call that goes now, even one that there is not."""
        self._fill(now)
        self._tokens = max(self._tokens - 1, -self.burst)

    def full(self, now: float) -> bool:
        """Return whether nothing would be lost by forgetting this bucket."""
        self._fill(now)
        return self._tokens >= self.burst

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
