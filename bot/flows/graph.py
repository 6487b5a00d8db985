"""Draws a flow as text that Mermaid understands, for authors who like to see it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.flows import markup
from bot.flows.engine import clipped
from bot.flows.model import END, FLOW, Flow, Pause, Run, Say, Scale, Step


def mermaid(flow: Flow) -> str:
    """Return the flow as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for step in flow.steps:
        node = _node(step.id)
        lines.append(f"  {node}{_box(step)}")
        lines.extend(f"  {node} -->{_label(label)} {_target(to)}" for label, to in _ways(step))
    return "\n".join(lines) + "\n"


def _box(step: Step) -> str:
    match step:
        case Run(run=name):
            return f'[["{_safe(name)}"]]'
        case Say(text=text):
            return f'("{_words(text)}")'
        case _:
            return f'{{{{"{_words(step.text)}"}}}}'


def _words(text: str) -> str:
    return _safe(clipped(" ".join(markup.visible(text).split()), 60))


def _safe(text: str) -> str:
    """Write what Mermaid would read as its own, or as Markdown, by number."""
    return _MARKS.sub(lambda found: f"#{ord(found[0])};", text)


_MARKS = re.compile(r"[^\w\s,.:?!'()\[\]/+=-]|^\d|^[-+]")


def _label(text: str) -> str:
    return f'|"{_safe(text)}"|' if text else ""


def _node(step: str) -> str:
    """Return a name that is none of Mermaid's own words, as ``end`` is."""
    return f"step_{step}"


def _target(target: str) -> str:
    name = target.removeprefix(FLOW)
    if target == END:
        return f'{_node(END)}(["{END}"])'
    return f'flow_{name}(["{_safe(name)}"])' if target.startswith(FLOW) else _node(target)


def _ways(step: Step) -> Iterator[tuple[str, str]]:
    match step:
        case Say():
            yield "", step.next
        case Run():
            yield from step.goto.items()
        case _:
            for option in step.options:
                target = option.next or step.next
                if target is not None:
                    yield option.text + (f" ({option.visit})" if option.visit else ""), target
            if isinstance(step, Scale):
                yield from ((f"{span.least} to {span.most}", span.next) for span in step.ranges)
            if isinstance(step, Pause):
                yield "when it rings", step.rings
    if not isinstance(step, Say) and step.next is not None:
        yield "", step.next
