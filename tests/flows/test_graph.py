"""The drawing: what Mermaid reads, whatever a text says."""

from __future__ import annotations

import re
from pathlib import Path

from bot.flows.graph import mermaid
from tests.flows.talk import Talk, house

EVERY_KIND = """
about = "One of each"

[[steps]]
id = "end_of_day"
kind = "say"
text = '''1. "Say" [it], {first_name} | `so` #1; <b>b</b> &lt;i&gt; ü 🙂 --> end'''
next = "graph"

[[steps]]
id = "graph"
kind = "ask"
text = "What (in words)?"
next = "subgraph"
options = [{ text = 'He said "no" | [x]', next = "class" }]

[[steps]]
id = "subgraph"
kind = "scale"
text = "- How strong?"
next = "class"
ranges = [{ least = 8, next = "style" }]

[[steps]]
id = "class"
kind = "choose"
text = "Which? {{}}"
next = "style"
options = [{ text = "Another", visit = "other" }, "Yes"]

[[steps]]
id = "style"
kind = "choose_many"
text = "Which of them?"
next = "click"
options = ["A"]

[[steps]]
id = "click"
kind = "run"
run = "find"
goto = { some = "flow:other", none = "end" }
"""

OTHER = """
about = "Another"

[[steps]]
id = "word"
kind = "ask"
text = "A word?"
next = "end"
"""

LABEL = r'"(?:[^"\\<>`{}|;&#]|#\d+;)*"'
NODE = r"(?:step|flow)_[a-z0-9_]+"
SHAPE = rf"(?:\({LABEL}\)|\{{\{{{LABEL}\}}\}}|\[\[{LABEL}\]\]|\(\[{LABEL}\]\))"
LINE = re.compile(rf"  {NODE}(?:{SHAPE}| -->(?:\|{LABEL}\|)? {NODE}(?:{SHAPE})?)")
"""The part of Mermaid that is used, drawn narrowly: in a label nothing that Mermaid would read."""


def drawn(folder: Path, flow: str = EVERY_KIND) -> list[str]:
    library = house(folder, {"try": flow.replace("{{}}", ""), "other": OTHER})
    return mermaid(library.flows["try"]).splitlines()


def test_every_line_is_one_that_mermaid_reads(tmp_path: Path) -> None:
    first, *lines = drawn(tmp_path)
    assert first == "flowchart TD"
    assert [line for line in lines if not LINE.fullmatch(line)] == []


def test_no_step_is_named_like_a_word_of_mermaids_own(tmp_path: Path) -> None:
    lines = drawn(tmp_path)
    assert '  step_graph{{"What (in words)?"}}' in lines
    assert '  step_click -->|"none"| step_end(["end"])' in lines


def test_marks_are_written_by_number(tmp_path: Path) -> None:
    lines = drawn(tmp_path)
    assert lines[1] == (
        '  step_end_of_day("#49;. #34;Say#34; [it], #123;first_name#125; #124; #96;so#96; #35;1#59;'
        ' b #60;i#62; ü #128578; --#62; end")'
    )
    assert '  step_graph -->|"He said #34;no#34; #124; [x]"| step_class' in lines


def test_every_way_is_drawn(tmp_path: Path) -> None:
    ways = [line.strip() for line in drawn(tmp_path) if "-->" in line and "-->|" in line]
    assert '  step_subgraph -->|"#56; to 10"| step_style'.strip() in ways
    assert 'step_class -->|"Another (other)"| step_style' in ways
    assert 'step_click -->|"some"| flow_other(["other"])' in ways


def test_a_long_text_is_drawn_short(tmp_path: Path) -> None:
    lines = drawn(tmp_path, EVERY_KIND.replace("What (in words)?", "word " * 200))
    (ask,) = [line for line in lines if line.startswith("  step_graph{")]
    assert len(ask) < 90


def test_the_flows_of_these_tests_can_be_drawn(talk: Talk) -> None:
    for flow in talk.library.flows.values():
        _, *lines = mermaid(flow).splitlines()
        assert [line for line in lines if not LINE.fullmatch(line)] == []
