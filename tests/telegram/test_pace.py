"""The bucket: a burst at once, a steady rate in the long run."""

from __future__ import annotations

from bot.telegram.pace import Bucket


def test_a_burst_and_then_the_rate() -> None:
    bucket = Bucket(rate=2, burst=3)
    for _ in range(3):
        assert bucket.opens(10.0) == 10.0
        bucket.take(10.0)
    assert bucket.opens(10.0) == 10.5
    assert bucket.opens(10.5) == 10.5
    assert not bucket.full(10.5)
    assert bucket.full(12.0)


def test_a_token_that_is_not_there_can_be_taken() -> None:
    bucket = Bucket(rate=1, burst=1)
    for _ in range(9):
        bucket.take(5.0)
    assert bucket.opens(5.0) == 7.0
