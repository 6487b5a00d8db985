"""The pages about the project say what the project does."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from bot.coach import FACTS, FUNCTIONS, commands, keeping
from bot.errors import ContentError
from bot.flows import engine, lint, load, model, session
from bot.flows.model import Ask, ChooseMany, Flow, Library, Option, Range

ROOT = Path(__file__).parents[1]
ENGLISH = ROOT / "content" / "en"

CONTENT = (ROOT / "content" / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_NAMED = re.compile(r"`([^`\n]+)`")

Table = list[list[str]]
"""The rows of a table below its head, cell by cell."""


# --- reading a page ---------------------------------------------------------------------------


def sections(page: str) -> dict[str, str]:
    """Return what stands under each heading, up to the next one, examples left out."""
    parts = _HEADING.split(_FENCED.sub("", page))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables(text: str) -> list[Table]:
    """Return the tables of a section."""
    found: list[Table] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif not inside:
            found.append([])  # this line is its head
            inside = True
        elif set(line) - set("|- "):
            found[-1].append(cells)
    return found


def named(text: str) -> list[str]:
    """Return what stands in `marks` of code."""
    return _NAMED.findall(text)


def words(text: str) -> set[str]:
    """Return the words in what stands in `marks` of code."""
    return {word for code in named(text) for word in re.findall(r"\w+", code)}


def first_column(table: Table) -> list[str]:
    return [name for row in table for name in named(row[0])]


SECTIONS = sections(CONTENT)
EVERY_STEP, EVERY_QUESTION = (set(first_column(table)) for table in tables(SECTIONS["Steps"]))


# --- content/README.md: keys ------------------------------------------------------------------

STEPS: dict[str, type[BaseModel]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: kind
    for kind in get_args(get_args(model.Step)[0])
}
HOLDERS: dict[type[BaseModel], str] = {Flow: "A flow", Option: "Buttons", Range: "Ranges"}


def test_no_model_is_left_out() -> None:
    public = {
        item
        for name, item in vars(model).items()
        if inspect.isclass(item)
        and issubclass(item, BaseModel)
        and item is not BaseModel
        and not name.startswith("_")
    }
    assert public == {*STEPS.values(), *HOLDERS}


@pytest.mark.parametrize("kind", STEPS)
def test_every_key_of_a_step_is_there_and_no_other(kind: str) -> None:
    (own,) = tables(SECTIONS[kind])
    keys = EVERY_STEP | set(first_column(own))
    if STEPS[kind] in get_args(model.Question):
        keys |= EVERY_QUESTION
    assert keys == set(STEPS[kind].model_fields)


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: holder.__name__)
def test_every_key_of_a_flow_a_button_and_a_range_is_there_and_no_other(
    holder: type[BaseModel],
) -> None:
    (table,) = tables(SECTIONS[HOLDERS[holder]])
    refused = {"id"} if holder is Flow else set()  # a flow is named by its file
    assert set(first_column(table)) == set(holder.model_fields) - refused


def test_every_kind_of_step_is_named_where_steps_are() -> None:
    assert {f'"{kind}"' for kind in STEPS} <= set(named(SECTIONS["Steps"]))


def test_what_keys_take_is_there() -> None:
    flow = SECTIONS["A flow"]
    assert all(f'`"{rank}"`' in flow for rank in get_args(model.Rank))
    assert all(f'`"{length}"`' in flow for length in get_args(model.Length))
    assert {model.END, f"{model.FLOW}NAME"} <= set(named(SECTIONS["Where things lead"]))
    assert {model.NUMB, model.UNKNOWN} <= set(named(SECTIONS["scale"]))


def test_defaults_are_the_ones_in_force() -> None:
    def default(kind: type[BaseModel], key: str) -> Any:
        return kind.model_fields[key].default

    def told(heading: str, key: str) -> str:
        rows = {first_column([row])[0]: row for table in tables(SECTIONS[heading]) for row in table}
        return rows[key][2]

    assert told("A flow", "rank") == f'`"{default(Flow, "rank")}"`'
    assert told("A flow", "length") == f'`"{default(Flow, "length")}"`'
    assert told("choose_many", "done") == f'"{default(ChooseMany, "done")}"'
    assert told("ask", "most") == str(default(Ask, "most"))
    assert told("Ranges", "least") == str(default(Range, "least"))
    assert told("Ranges", "most") == str(default(Range, "most"))
    assert told("Buttons", "answer") == f"`{str(default(Option, 'answer')).lower()}`"
    assert model.slug("Slow answer") == "slow_answer"


# --- content/README.md: functions, facts, places, files ----------------------------------------


def test_every_function_is_there_with_its_outcomes_and_values() -> None:
    (table,) = tables(SECTIONS["Functions"])
    told = {
        named(name)[0]: (set(named(outcomes)), set(named(values)))
        for name, outcomes, values, _ in table
    }
    known = {
        name: (set(function.outcomes), set(function.values))
        for name, (_, function) in FUNCTIONS.items()
    }
    assert told == known


def test_every_fact_is_there() -> None:
    (table,) = tables(SECTIONS["Names in texts"])
    assert set(first_column(table)) == FACTS


def test_every_place_of_the_lint_is_there() -> None:
    (table,) = tables(SECTIONS["lint.toml"])
    assert set(first_column(table)) == lint.PLACES


def test_what_each_kind_of_entry_keeps_is_there() -> None:
    (table,) = tables(SECTIONS["What is kept"])
    told = {first_column([row])[0]: tuple(named(row[1])) for row in table}
    told["closeness"] = told["trigger"]
    assert told == keeping.FIELDS


def test_every_file_of_a_language_is_there_and_no_other() -> None:
    (table,) = tables(SECTIONS["What lies where"])
    there = {path.name + "/" * path.is_dir() for path in ENGLISH.iterdir()}
    assert set(first_column(table)) == there


def test_flows_that_the_program_opens_are_there() -> None:
    told = set(named(SECTIONS["A flow"]))
    modules = [importlib.import_module(f"bot.coach.{name}") for name in ("replying", "prompting")]
    source = "".join(inspect.getsource(module) for module in modules)
    opened = set(re.findall(r'open\(turn, "(\w+)"', source))
    assert "unsafe" in opened
    opened |= {"hello", "hello_open", "welcome", "unkept", "consent", "again", "still"}
    flows = {path.stem for path in (ENGLISH / "flows").glob("*.toml")}
    assert {*opened, *commands.FLOWS.values()} <= told & flows


@pytest.mark.parametrize("path", sorted(ENGLISH.glob("*.toml")), ids=lambda path: path.stem)
def test_every_table_of_a_file_is_there(path: Path) -> None:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    lists = [value for value in data.values() if isinstance(value, list)]
    assert {*data, *_keys(lists)} <= words(SECTIONS[path.name])


def _keys(items: Sequence[Any]) -> Iterator[str]:
    """Yield the keys of the small tables in a list."""
    for item in items:
        if isinstance(item, Mapping):
            yield from item
            yield from (
                key for value in item.values() if isinstance(value, list) for key in _keys(value)
            )
        elif isinstance(item, list):
            yield from _keys(item)


def test_the_figures_are_the_ones_in_force() -> None:
    voice, buttons = SECTIONS["Voice"], SECTIONS["Buttons"]
    for length, (lines, most) in lint.LIMITS.items():
        assert re.search(rf"`{length}` .*\| {lines} lines, {most} words \|", voice)
    assert f"{lint.PAGE} characters" in voice
    assert f"{load.MESSAGE} characters a message" in voice
    assert f"{load.CAPTION} a caption" in voice
    assert "64 characters at most" in buttons
    assert f"at most {load.DATA - load.TURN} bytes" in buttons
    assert f"Two stand in a row up to {engine.WIDTHS[2]} characters each" in buttons
    assert f"three up to {engine.WIDTHS[3]}" in buttons
    assert f"cut at {engine.CLIP} characters" in SECTIONS["Names in texts"]
    assert f"up to {commands.LONG} words" in SECTIONS["phrases.toml"]
    depth = {3: "three", 4: "four"}[session.DEPTH]
    assert f"most {depth} flows" in " ".join(SECTIONS["A flow"].split())


# --- content/README.md: examples and mistakes --------------------------------------------------

EXAMPLES = [text for kind, text in _FENCED.findall(CONTENT) if kind == "toml"]
FLOWS = [text for text in EXAMPLES if "[[steps]]" in text]
FILES = {
    match[1]: text for text in EXAMPLES if (match := re.match(r"# (\w+)\.toml\n", text)) is not None
}
TEA = next(text for text in FLOWS if text.startswith("# flows/tea.toml"))


def read(folder: Path, name: str, flow: str) -> Library:
    """Read the content with one flow more, a step alone made a flow of its own."""
    there = folder / "en"
    shutil.copytree(ENGLISH, there)
    whole = flow if "about" in flow else f'about = "An example."\n\n{flow}'
    (there / "flows" / f"{name}.toml").write_text(whole, encoding="utf-8")
    functions = {known: function for known, (_, function) in FUNCTIONS.items()}
    return load.load(there, functions, FACTS)


def test_every_example_is_tried() -> None:
    assert len(FLOWS) + len(FILES) == len(EXAMPLES)
    shown = {step["kind"] for text in FLOWS for step in tomllib.loads(text)["steps"]}
    assert shown == set(STEPS)
    assert {f"{name}.toml" for name in FILES} == {path.name for path in ENGLISH.glob("*.toml")}


@pytest.mark.parametrize("flow", FLOWS)
def test_an_example_of_a_flow_loads_and_sounds_like_the_house(flow: str, tmp_path: Path) -> None:
    library = read(tmp_path, "tea", flow)
    assert [fault for fault in lint.lint(library) if fault.startswith("tea.toml")] == []


@pytest.mark.parametrize("name", FILES)
def test_an_example_of_a_file_is_like_the_file(name: str) -> None:
    real = tomllib.loads((ENGLISH / f"{name}.toml").read_text(encoding="utf-8"))
    assert list(unlike(tomllib.loads(FILES[name]), real)) == []


def test_the_example_of_a_rule_is_a_rule(tmp_path: Path) -> None:
    library = read(tmp_path, "tea", TEA)
    texts = {**library.texts, "lint": tomllib.loads(FILES["lint"])}
    ruled = Library(library.language, library.flows, library.phrases, texts)
    assert lint.lint(ruled) == []


def unlike(shown: Any, real: Any, at: str = "") -> Iterator[str]:
    """Yield where an example is built otherwise than the file it is of."""
    match shown:
        case dict() if isinstance(real, dict):
            for key, value in shown.items():
                if key in real:
                    yield from unlike(value, real[key], f"{at}.{key}")
                else:
                    yield f"{at}.{key}"
        case list() if isinstance(real, list):
            for item in shown:
                if all(list(unlike(item, other, at)) for other in real):
                    yield f"{at}: {item}"
        case _:
            if type(shown) is not type(real):
                yield at


MISTAKES = [
    ('next = "keep"', 'next = "kep"'),
    ('save = "text"', 'save = "text"\ntxet = 1'),
    ('run = "keep"', 'run = "kep"'),
    ('"Kept."', '"Kept at {strength}."'),
    ('"Kept."', '"Well done."'),
]
SAID = next(text for kind, text in _FENCED.findall(CONTENT) if kind == "" and "tea.toml" in text)


@pytest.mark.parametrize(
    ("mistake", "said"), list(zip(MISTAKES, SAID.splitlines(), strict=True)), ids=SAID.splitlines()
)
def test_a_mistake_reads_as_it_is_shown(
    mistake: tuple[str, str], said: str, tmp_path: Path
) -> None:
    before, after = mistake
    assert before in TEA
    try:
        told = lint.lint(read(tmp_path, "tea", TEA.replace(before, after, 1)))
    except ContentError as error:
        told = str(error).splitlines()
    assert said in told


# --- ARCHITECTURE.md ---------------------------------------------------------------------------

_PATH = re.compile(r"([\w.-]+(?:/[\w.-]*)+)(?::([\w.]+))?")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
MADE_LATER = {"data/", "FILE.keys", "bot.alive"}
"""Files and folders that a running bot makes."""

PROSE = _FENCED.sub("", ARCHITECTURE)
DRAWN = "\n".join(text for _, text in _FENCED.findall(ARCHITECTURE))


def module(path: Path) -> ModuleType:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return importlib.import_module(".".join(parts))


def has(holder: object, dotted: str) -> bool:
    for name in dotted.split("."):
        if not hasattr(holder, name) and name not in getattr(holder, "__annotations__", {}):
            return False
        holder = getattr(holder, name, None)
    return True


def in_the_house(dotted: str) -> bool:
    """Whether `room.thing` is a module of the house, or something in one."""
    head, _, rest = dotted.partition(".")
    for path in (ROOT / "bot").rglob("*.py"):
        within = path.relative_to(ROOT / "bot").with_suffix("").parts
        within = within[:-1] if within[-1] == "__init__" else within
        if within and within[-1] == head and has(module(path), rest):
            return True
        if ".".join(within) == dotted:
            return True
        # `Tx.take_in`: a class by its own name.
        if head[:1].isupper() and f"class {head}" in path.read_text(encoding="utf-8"):
            found = getattr(module(path), head, None)
            if found is not None and has(found, rest):
                return True
    return False


def test_every_path_of_the_architecture_exists() -> None:
    wrong = []
    for name in named(PROSE):
        match = _PATH.fullmatch(name)
        if match is None or name in MADE_LATER:
            continue
        path = ROOT / match[1]
        if not path.exists() or (match[2] and not has(module(path), match[2])):
            wrong.append(name)
    assert wrong == []


def test_every_dotted_name_of_the_architecture_exists() -> None:
    files = {
        path.name for path in [*ROOT.iterdir(), *ENGLISH.rglob("*"), *(ROOT / "content").iterdir()]
    }
    dotted = [name for name in {*named(PROSE)} - MADE_LATER if _DOTTED.fullmatch(name)]
    assert [name for name in dotted if name not in files and not in_the_house(name)] == []
    assert dotted  # it does name things


def test_every_class_of_the_architecture_exists() -> None:
    source = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "bot").rglob("*.py"))
    classes = [name for name in named(PROSE) if re.fullmatch(r"_?[A-Z][a-z]\w+", name)]
    assert [name for name in classes if not re.search(rf"\bclass {name}\b", source)] == []


def test_the_rooms_are_drawn_as_they_are_kept() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = data["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = [" ".join(line.split("  ")[0].split()) for line in DRAWN.splitlines()]
    assert [layer for layer in layers if layer not in drawn] == []


def test_every_room_is_in_the_architecture() -> None:
    rooms = {path.parent.name for path in (ROOT / "bot").glob("*/__init__.py")}
    told = {name for name in named(PROSE) if name.startswith("bot/")}
    assert {room for room in rooms if not any(f"bot/{room}/" in name for name in told)} == set()


def test_every_table_is_in_the_architecture() -> None:
    made = {
        table
        for path in (ROOT / "bot/store/migrations").glob("*.sql")
        for table in re.findall(r"CREATE TABLE (\w+)", path.read_text(encoding="utf-8"))
    }
    assert {table for table in made if not re.search(rf"\b{table}\b", ARCHITECTURE)} == set()


# --- CHANGELOG.md and links --------------------------------------------------------------------


def test_the_changelog_names_every_command_and_what_is_missing() -> None:
    missing = next(line for line in CHANGELOG.splitlines() if "Not here yet" in line)
    assert set(re.findall(r"/(\w+)", missing)) == commands.LATER
    assert all(f"/{name}" in CHANGELOG for name in (*commands.FLOWS, "start", "cancel"))


PAGES = sorted(
    {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "content").rglob("*.md")}
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    text = _NAMED.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        to, _, heading = link.partition("#")
        target = page.parent / to if to else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the names under which a page's headings can be linked to."""
    headings = _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
