"""Small things that only show when the whole bot runs."""

from __future__ import annotations

import time

from tests.whole.house import House, leaves


def test_answers_that_became_one_field_are_exported_once(house: House) -> None:
    house.bot.start()
    ada = house.newcomer("Ada")
    house.say(ada, "/log their table was taken", "How strong")
    house.say(ada, "5", "what did you do")
    house.say(ada, "sat down somewhere else", "Kept.")
    house.say(ada, "Add body", "Where in the body")
    house.say(ada, "behind the left ear", "What is it like there")
    house.say(ada, "like static: a low hum", "Kept.")
    document = house.export(ada)
    whole = list(leaves([document["entries"], document["drafts"]]))
    for word in ("table", "somewhere", "ear", "static"):
        assert sum(text.count(word) for text in whole) == 1, word


def test_the_stand_ins_controls_answer_at_once(house: House) -> None:
    """Not after the forty milliseconds that two small packets on one connection can cost."""
    spans = []
    for _ in range(20):
        begun = time.perf_counter()
        house.telegram.waiting()
        spans.append(time.perf_counter() - begun)
    assert min(spans) < 0.03
