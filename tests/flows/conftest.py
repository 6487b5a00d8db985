"""A house with a note, a moment, a card and a word of help, and a talk in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.talk import Talk, house

NOTE = """
about = "A note"
entry = "trigger"
close = "kept"

[[steps]]
id = "what"
kind = "ask"
text = "What happened?"
save = "what"
next = "strength"

[[steps]]
id = "strength"
kind = "scale"
text = "How strong was it?"
save = "intensity"
next = "feelings"
options = [{ text = "Something else", next = "kept", answer = false }]
ranges = [{ least = 8, next = "high" }]

[[steps]]
id = "high"
kind = "say"
text = "{intensity}. That's a lot."
next = "feelings"

[[steps]]
id = "feelings"
kind = "choose_many"
text = "What was in it?"
save = "feelings"
free = true
next = "who"
options = [
  "Anger",
  "Fear",
  "Shame",
  "Tired, heavy",
  { text = "Just the body", answer = false, next = "kept" },
]

[[steps]]
id = "who"
kind = "choose"
text = "Who was there?"
save = "who"
free = true
next = "urge"
options = [
  "Nobody",
  "Family",
  { text = "What's this for?", value = "why", visit = "why", answer = false },
]

[[steps]]
id = "urge"
kind = "choose"
text = "Did you want to write?"
save = "urge"
next = "kept"
options = [
  "Yes",
  { text = "I can't say", value = "unsure" },
  { text = "Keep out of this", next = "end" },
]

[[steps]]
id = "kept"
kind = "say"
text = "Kept."
next = "end"
"""

WHY = """
about = "Why it asks"

[[steps]]
id = "because"
kind = "choose"
text = "Some people react more strongly in company."
save = "seen"
next = "sure"
options = ["I see"]

[[steps]]
id = "sure"
kind = "choose"
text = "Shall it ask again?"
save = "again"
next = "end"
options = ["Yes", "Never"]
"""

MOMENT = """
about = "The moment itself"
rank = "moment"

[[steps]]
id = "now"
kind = "scale"
text = "How strong is it?"
save = "now"
next = "end"
"""

CARD = """
about = "A card"
rank = "card"

[[steps]]
id = "safe"
kind = "choose"
text = "Are you safe?"
must = true
save = "safe"
next = "end"
options = ["Yes", "No"]
"""

HELP = """
about = "What this is"
rank = "aside"

[[steps]]
id = "page"
kind = "choose"
text = "This is a quiet place."
next = "end"
options = ["Close it"]
"""

HELLO = """
about = "Another talk"

[[steps]]
id = "hello"
kind = "ask"
text = "Hello, {first_name}. What's up?"
save = "up"
next = "end"
"""

FLOWS = {
    "note": NOTE,
    "why": WHY,
    "moment": MOMENT,
    "card": CARD,
    "help": HELP,
    "hello": HELLO,
}


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    """Nothing open yet."""
    return Talk(house(tmp_path, FLOWS))
