"""What Right now promises: few taps, nothing kept of what is burned, pictures as described."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.coach import commands, helps
from bot.coach.helps import Helped, Moment, Strength, Tried
from bot.flows.model import END, FLOW, Library, Run, Say, Step, targets
from bot.flows.practice import practices
from bot.local.guest import Bubble
from bot.store import Entry, Tx
from tests.chat import Chat, chatting
from tests.shipped import content
from tests.test_cards import known, stand_at

CONTENT = Path(__file__).parents[1] / "content" / "en"
JOINED = ("/start", "[Look around first]", "[Mine]", "[Yes, I'm 18 or older]", "[Not chasing]")
WORDS = "the lamp by the window stayed dark all night"


@pytest.fixture(scope="module")
def library() -> Library:
    return content().library


# --- taps ------------------------------------------------------------------------------------


def taps(library: Library, start: tuple[str, str], goals: set[tuple[str, str]]) -> int:
    """Count the fewest answers from a step to any of the goals."""
    todo: deque[tuple[str, str, int]] = deque([(*start, 0)])
    seen: set[tuple[str, str]] = set()
    while todo:
        flow, name, count = todo.popleft()
        if (flow, name) in goals:
            return count
        step = library.flows[flow].step(name)
        if (flow, name) in seen or step is None:
            continue
        seen.add((flow, name))
        asks = not isinstance(step, Say | Run)
        for target in ways(step):
            following = landing(library, flow, target)
            if following is None:
                continue
            if asks:
                todo.append((*following, count + 1))
            else:
                todo.appendleft((*following, count))
    raise AssertionError(f"no way from {start} to {goals}")


async def test_a_line_for_the_body_is_one_message_from_any_question(
    library: Library, tmp_path: Path
) -> None:
    """/activated is typed at every question of every flow, as if one had come there."""
    questions = [
        (flow.id, step.id)
        for flow in library.flows.values()
        for step in flow.steps
        if not isinstance(step, Say | Run)
    ]
    assert len(questions) > 200
    missed = []
    async with chatting(tmp_path) as chat:
        await known(chat)
        for flow, step in questions:
            await stand_at(chat, flow, step)
            answer = await chat.type("/activated")
            if not any({"Numb", "I'm not safe"} <= labels(bubble) for bubble in answer[:1]):
                missed.append(f"{flow}.{step}: {[bubble.text for bubble in answer]}")
    assert missed == []


def labels(bubble: Bubble) -> set[str]:
    return {key.text for row in bubble.buttons for key in row}


def ways(step: Step) -> set[str]:
    return set(targets(step))


def landing(library: Library, flow: str, target: str) -> tuple[str, str] | None:
    if target == END:
        return None
    if target.startswith(FLOW):
        name = target.removeprefix(FLOW)
        return name, library.flows[name].first
    return flow, target


def test_a_practice_is_two_taps_from_the_first_screen(library: Library) -> None:
    assert taps(library, ("welcome", "first"), {("activated", "practice")}) <= 2


def test_a_practice_is_two_taps_from_the_key_with_the_key_counted(library: Library) -> None:
    assert 1 + taps(library, ("activated", "begin"), {("activated", "practice")}) <= 2


def test_a_draft_to_copy_is_ten_taps_from_the_key_at_most(library: Library) -> None:
    # To the draft, the key counted, and the tap on Copy.
    assert 1 + taps(library, ("activated", "begin"), {("words", "draft")}) + 1 <= 10


def test_a_draft_to_copy_is_ten_taps_after_a_wait_too(library: Library) -> None:
    # The key counted, and Copy. Before the very first draft one question more is asked, for safety.
    before = taps(library, ("activated", "begin"), {("wait", "during")})
    assert 1 + before + taps(library, ("wait", "over"), {("words", "draft")}) + 1 <= 10


def test_a_sentence_for_space_is_three_taps(library: Library) -> None:
    assert taps(library, ("activated", "strength"), {("away", "line")}) + 1 <= 3


def test_the_end_without_a_draft_is_nine_taps_from_the_first_screen(library: Library) -> None:
    ends = {("done", "not_kept"), ("done", "kept")}
    assert taps(library, ("welcome", "first"), ends) <= 9


# --- what is burned --------------------------------------------------------------------------


async def to_the_burning_question(chat: Chat) -> None:
    for line in (
        *JOINED,
        *("[Right now]", "[8]", "[6]", "[Reach them]", "[20 minutes]"),
        *("[What can I do meanwhile?]", "[Write it here instead]"),
    ):
        await (chat.tap(line[1:-1]) if line.startswith("[") else chat.type(line))


def everything(tx: Tx, person: str) -> str:
    """Return all that is kept of someone, opened, as text."""
    kept = [
        tx.session(person),
        [entry.fields for entry in tx.entries(person)],
        [draft.frame for draft in tx.drafts(person)],
        [timer.fields for timer in tx.timers(person)],
        [row.payload.decode() for row in tx.undone(100)],
        [row.call for row in tx.pending(100, now=datetime(2100, 1, 1, tzinfo=UTC))],
    ]
    return json.dumps(kept)


async def test_what_is_burned_is_nowhere(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await to_the_burning_question(chat)
        said = await chat.type(WORDS)
        assert "Deleted here" in said[0].text
        assert all(WORDS not in bubble.text for bubble in chat.guest.messages)
        assert not any(WORDS in str(call.params) for call in chat.standin.calls)
        loaded = await chat.house.store.read(lambda tx: tx.load(chat.guest.id))
        assert loaded is not None
        person = loaded[0].id
        kept = await chat.house.store.write(lambda tx: everything(tx, person))
        assert "activated" in kept or "wait" in kept, "it looks where something is kept"
        assert WORDS not in kept
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert WORDS.encode() not in path.read_bytes(), path


async def nothing_is_left_of(chat: Chat, *words: str) -> None:
    """Look for words in the chat and in all that is kept of this person."""
    for text in words:
        assert all(text not in bubble.text for bubble in chat.guest.messages), text
    loaded = await chat.house.store.read(lambda tx: tx.load(chat.guest.id))
    assert loaded is not None
    person = loaded[0].id
    kept = await chat.house.store.write(lambda tx: everything(tx, person))
    assert all(text not in kept for text in words)


@pytest.mark.parametrize("way", ["meanwhile", "at the end", "only for me"])
async def test_a_text_that_telegram_splits_is_burned_whole(way: str, tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await to_the_burning_question(chat)
        if way != "meanwhile":
            await chat.tap("Rather not")
            await chat.skip(timedelta(minutes=20))
            await chat.tap("4")
            await chat.tap("Still there")
        if way == "at the end":
            await chat.tap("Write it here, then gone")
        if way == "only for me":
            for label in ("Now", "They get angry or use it against me", "Only for me"):
                await chat.tap(label)
        parts = [f"{name} I waited at the window. " * 150 for name in ("first", "second", "third")]
        chat.guest.send("".join(parts))
        assert len([b for b in chat.guest.messages if b.mine and "window" in b.text]) == 4
        await chat.news()
        await nothing_is_left_of(chat, "window")
        assert "more" in chat.guest.answers[-1].text


async def test_lines_typed_one_after_the_other_are_all_burned(tmp_path: Path) -> None:
    lines = ("why do you never", "WHY", "ok fine", "7", "are you at work?", "space", "help me")
    async with chatting(tmp_path) as chat:
        await to_the_burning_question(chat)
        for line in lines:
            chat.guest.send(line)
        said = await chat.news()
        assert not any("so I may have missed" in bubble.text for bubble in said)
        assert not [b for b in chat.guest.messages if b.mine and b.text in lines]
        await nothing_is_left_of(chat, "never", "WHY", "ok fine", "at work")
        assert "20 minutes" in (await chat.tap("That's all"))[0].text


async def test_what_is_burned_and_could_not_be_deleted_is_not_kept_when_it_is_edited(
    tmp_path: Path,
) -> None:
    async with chatting(tmp_path) as chat:
        await to_the_burning_question(chat)
        chat.standin.fail("deleteMessages", status=400, description="Bad Request", times=1)
        chat.standin.fail("deleteMessage", status=400, description="Bad Request", times=1)
        await chat.type(WORDS)
        mine = next(b for b in chat.guest.messages if b.text == WORDS)
        chat.guest.edit(mine.message_id, "the other lamp was dark as well")
        await chat.news()
        loaded = await chat.house.store.read(lambda tx: tx.load(chat.guest.id))
        assert loaded is not None
        assert "other lamp" not in json.dumps(loaded[1])


async def test_it_says_so_when_it_could_not_be_deleted(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await to_the_burning_question(chat)
        chat.standin.fail(
            "deleteMessages", status=400, description="message can't be deleted for everyone"
        )
        chat.standin.fail(
            "deleteMessage", status=400, description="message can't be deleted for everyone"
        )
        said = await chat.type(WORDS)
        assert "couldn't delete" in said[0].text
        assert any(WORDS in bubble.text for bubble in chat.guest.messages)


async def test_danger_in_what_is_burned_is_heard_and_still_deleted(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await to_the_burning_question(chat)
        said = await chat.type("i want to kill myself tonight")
        assert any("emergency number" in bubble.text for bubble in said)
        assert all("tonight" not in bubble.text for bubble in chat.guest.messages if bubble.mine)


# --- which practice --------------------------------------------------------------------------


def moment(*values: int | str, tried: tuple[str, ...] = (), **more: object) -> Moment:
    strengths = tuple(
        Strength(f"2026-03-14T22:{n:02}:00+00:00", v, (1, n)) for n, v in enumerate(values)
    )
    past = tuple(Tried(name, 8, 8, (1, n)) for n, name in enumerate(tried))
    found = Moment("2026-03-14T22:00:00+00:00", "m", strengths, past)
    return helps.from_json({**helps.to_json(found), **more})


def entry(name: str, before: object, after: object, day: int) -> Entry:
    at = datetime(2026, 3, day, tzinfo=UTC)
    fields = {"practices": [{"practice": name, "before": before, "after": after}]}
    return Entry(f"{name}{day}", "activation", at, at, None, fields)


def test_the_first_is_what_helped_most_and_else_the_gentlest(library: Library) -> None:
    known = practices(library.texts)
    assert helps.choose(known, moment(8), {}).name == "breath_46"
    past = {"walking": Helped(8, 4, 3), "palms": Helped(8, 7, 3), "tapping": Helped(9, 1, 1)}
    assert helps.choose(known, moment(8), past).name == "walking"
    assert helps.choose(known, moment(8), past, {"walking"}).name == "palms"


def test_it_turns_outward_and_never_back_to_breath_after_it_went_wrong(library: Library) -> None:
    known = practices(library.texts)
    seen = moment(8, 8, tried=("breath_46",))
    assert helps.choose(known, seen, {}, turning=True).kind in helps.OUTWARD
    tried: tuple[str, ...] = ()
    for _ in range(30):
        seen = moment(5, 8, tried=tried, barred=["breath"])
        chosen = helps.choose(known, seen, {"breath_46": Helped(9, 1, 3)}, turning=True)
        assert chosen.kind != "breath"
        tried = (*tried, chosen.name)


def test_after_numb_it_is_outward_only(library: Library) -> None:
    known = practices(library.texts)
    tried: tuple[str, ...] = ()
    for _ in range(30):
        chosen = helps.choose(known, moment("numb", tried=tried, outward=True), {})
        assert chosen.kind in helps.OUTWARD
        tried = (*tried, chosen.name)
    assert all(
        one.kind in helps.OUTWARD for one in helps.others(known, moment("numb", outward=True))
    )


def test_what_helped_rests_on_numbers_of_the_last_times() -> None:
    entries = [
        entry("walking", 9, 9, 1),
        *(entry("walking", 8, 4, day) for day in (2, 3, 4)),
        entry("palms", 8, "numb", 5),
        entry("palms", 8, None, 6),
    ]
    assert helps.helped(entries) == {"walking": Helped(8, 4, 3)}


@pytest.mark.parametrize(
    ("values", "minutes"),
    [((8, 6, 4), 2.0), ((8, 5), None), ((8, "numb", 2), None), (("numb", 2), None), ((0, 0), None)],
)
def test_settling_is_half_and_never_by_way_of_numb(
    values: tuple[int | str, ...], minutes: float | None
) -> None:
    assert moment(*values).settled() == minutes


def test_a_strength_of_nothing_is_kept_and_silence_is_not(library: Library) -> None:
    fields = moment(3, 0).fields(practices(library.texts))
    assert fields["intensity_now"] == 0
    assert "minutes" not in fields
    assert "pull" not in fields


# --- the pictures ----------------------------------------------------------------------------


def frames(content: bytes) -> list[int]:
    """Return how long each frame of a GIF stays, in hundredths of a second, block by block."""
    found = []
    at = 13 + 3 * colours(content[10])
    while content[at] != 0x3B:  # the end
        if content[at] == 0x21:
            if content[at + 1] == 0xF9:  # how the next picture is shown
                found.append(int.from_bytes(content[at + 4 : at + 6], "little"))
            at += 2
        else:
            assert content[at] == 0x2C  # a picture
            at += 11 + 3 * colours(content[at + 9])
        while length := content[at]:
            at += 1 + length
        at += 1
    return found


def colours(flags: int) -> int:
    return 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def brightness(colour: bytes) -> float:
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("name", "seconds"), [("breath-4-6", 10), ("breath-4-8", 12)])
def test_a_breath_is_smooth_exact_and_small(name: str, seconds: int) -> None:
    content = (CONTENT / "practices" / f"{name}.gif").read_bytes()
    stays = frames(content)
    assert len(content) <= 400_000
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in content, "it loops for ever"
    assert sum(stays) == seconds * 100
    assert min(stays) >= 2, "browsers slow down what is quicker"
    assert max(stays) <= 5, "twenty frames a second"


@pytest.mark.parametrize("name", ["breath-4-6", "breath-4-8"])
def test_a_breath_brings_its_own_paper_for_light_and_dark(name: str) -> None:
    content = (CONTENT / "practices" / f"{name}.gif").read_bytes()
    table = content[13 : 13 + 3 * colours(content[10])]
    bright = [brightness(table[at : at + 3]) for at in range(0, len(table), 3)]
    assert (max(bright) + 0.05) / (min(bright) + 0.05) >= 3


async def test_a_picture_is_uploaded_once(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        for line in (*JOINED, "[Right now]", "[8]", "/activated", "8"):
            await (chat.tap(line[1:-1]) if line.startswith("[") else chat.type(line))
        sent = [call for call in chat.standin.calls if call.method.lower() == "sendanimation"]
        assert len(sent) == 2
        bubbles = [b.animation for b in chat.guest.answers if b.animation is not None]
        assert bubbles[0] is not None
        assert sent[1].params["animation"] == bubbles[0].file_id
        assert sent[0].params.get("animation") != bubbles[0].file_id


# --- what nobody asked for -------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *("is he leaving me", "Is she leaving?", "does he even still love me?"),
        *("why does she do this", "why won't he answer me", "Will he come back?", "will she call"),
        *("what does he think of me", "what did she mean by that", "do you think they hate me"),
        *(
            "is my girlfriend mad at me",
            "Doesn't he care?",
            "are they done with me",
            "so is he over me",
        ),
        *(
            "does she miss me",
            "has he forgotten about me",
            "is he seeing someone else",
            "is he lying",
        ),
        *(
            "I wonder if she feels the same",
            "no answer. is he ignoring me?",
            "is he going to leave me",
        ),
    ],
)
def test_what_asks_for_another_mind_is_known(line: str, library: Library) -> None:
    assert commands.means_mind(line, library)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "is he at work",
            "is she coming at eight?",
            "are they home yet",
            "does he have my number",
        ),
        *("did she call the plumber", "is he leaving at six", "is she coming back at ten?"),
        *("will he be there tonight", "has she eaten", "is he done with work", "did they land"),
        *("what is he doing tonight", "what does she do for work", "does he know the way"),
        *("is he seeing the doctor today", "does she need a lift", "is it over", "is this love"),
        *("i miss him", "he is at work and i am here", "does it stop", "do i love him", "is he ok"),
    ],
)
def test_what_asks_where_and_when_gets_no_word_about_minds(line: str, library: Library) -> None:
    assert not commands.means_mind(line, library)
