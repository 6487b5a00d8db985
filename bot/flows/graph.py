"""Draws a flow as text that Mermaid understands, for authors who like to see it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.flows import markup
from bot.flows.engine import clipped
from bot.flows.model import FLOW, Flow, Run, Say, Scale, Step


def mermaid(flow: Flow) -> str:
    """Return the flow as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for step in flow.steps:
        lines.append(f"  {step.id}{_box(step)}")
        lines.extend(f"  {step.id} -->{_label(label)} {_node(to)}" for label, to in _ways(step))
    return "\n".join(lines) + "\n"


def _box(step: Step) -> str:
    match step:
        case Run(run=name):
            return f'[["{name}"]]'
        case Say(text=text):
            return f'("{_words(text)}")'
        case _:
            return f'{{{{"{_words(step.text)}"}}}}'


def _words(text: str) -> str:
    plain = " ".join(markup.visible(text).split())
    return clipped(plain, 60).replace('"', "'")


def _label(text: str) -> str:
    return f'|"{text}"|' if text else ""


def _node(target: str) -> str:
    name = target.removeprefix(FLOW)
    return f'flow_{name}(["{name}"])' if target.startswith(FLOW) else target


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
    if not isinstance(step, Say) and step.next is not None:
        yield "", step.next
