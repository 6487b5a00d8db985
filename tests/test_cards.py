"""Danger, wherever it is written: its card in one message, nothing lost, nothing left running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, product
from pathlib import Path

import pytest

from bot.coach import Coach, House, Ports, prompts
from bot.coach.calls import Say
from bot.coach.cards import FLOWS, resting
from bot.coach.heard import Heard, Typed
from bot.errors import TelegramTrouble
from bot.flows.model import Ask, Choose, ChooseMany, Library
from bot.flows.session import Frame, Session
from bot.local.guest import Bubble
from bot.safety import Verdict
from bot.store import Draft, Event, Outbound, Person, Tx
from tests.chat import Chat, chatting, drawn
from tests.shipped import content
from tests.whole.house import CONSENTED, leaves
from tests.whole.walk import Inside, Place, arrive, places, roads, step_at, walk

SENTENCES = {
    "hard": "i want to die",
    "soft": "they'd be better off without me",
    "abuse": "he hit me",
    "control": "how can i read his messages",
    "third": "my sister wants to die",
}

FIRST = {
    "hard": "You wrote that you may not want to live.",
    "soft": "That sounds like a lot to carry.",
    "abuse": "I believe you, and what they do is not your fault.",
    "control": "I don't help with that.",
    "third": "That's heavy to know about someone.",
}

HARM = "i want to kill him"
"""Someone is at risk through the one who writes."""

NO_EXERCISE = ("In for 4", "Palms together", "How strong")


@pytest.fixture(scope="module")
def library() -> Library:
    return content().library


async def known(chat: Chat) -> None:
    """Lead the person through the yes."""
    for line in ("/start", "Look around first", "Mine", "Yes, I'm 18 or older", "Not chasing"):
        await (chat.type(line) if line.startswith("/") else chat.tap(line))


async def someone(chat: Chat) -> Person:
    person = await chat.house.store.read(lambda tx: tx.person_by_chat(chat.guest.id))
    assert person is not None
    return person


async def drafts(chat: Chat) -> list[Draft]:
    who = (await someone(chat)).id
    return await chat.house.store.read(lambda tx: tx.drafts(who))


async def events(chat: Chat) -> list[Event]:
    who = (await someone(chat)).id
    return await chat.house.store.read(lambda tx: tx.events(who))


async def timers(chat: Chat) -> set[str]:
    who = (await someone(chat)).id
    kept = await chat.house.store.read(lambda tx: tx.timers(who))
    return {timer.kind for timer in kept}


async def stand_at(chat: Chat, flow: str, step: str) -> None:
    """Put the person at a step, as if they had come there, with nothing else remembered."""
    person = await someone(chat)
    session = Session(turn=7, frames=(Frame(flow, step),))
    now = chat.clock.now()

    def write(tx: Tx) -> None:
        for draft in tx.drafts(person.id):
            tx.delete_draft(person.id, draft.id)
        tx.save_session(person.id, session.to_json(), now)

    await chat.house.store.write(write)


def said(bubbles: Sequence[Bubble]) -> str:
    return "\n".join(bubble.text for bubble in bubbles)


# --- at every question that takes words --------------------------------------------------------

EVERYWHERE = list(product(sorted(roads()), SENTENCES))

NAMES = ("ritual.what", "ritual.with", "checkin.finer", "parts.need", "company.who", "plan.when")
"""Where something gets a name: a ritual, a feeling, what a part needs, someone steady, a plan."""


async def meet(someone: Inside, library: Library, place: Place, tier: str) -> None:
    """Write danger at a question; see its card come at once, and the words wait after it."""
    sentence = SENTENCES[tier]
    await arrive(someone, place)
    answer = await someone.hear(sentence)
    there = str(await someone.place()).partition(".")[0]
    if belongs(place, tier):
        assert FIRST[tier] not in said(answer)
        assert there in {*FLOWS.values(), "None"}
        return
    assert there == FLOWS[tier], said(answer)
    assert answer[0].buttons, "something came before the card"
    await someone.do("/cancel")
    assert await someone.place() is None
    held = [d for d in await drafts(someone.chat) if sentence in leaves(d.frame)]
    if is_burned(library, place):
        # What was to be deleted here is not kept for the card's sake either.
        assert held == []
        assert sentence not in leaves((await someone.session()).to_json())
        return
    (draft,) = held
    await walk(someone, ("/log", "Earlier ones"))
    data = [str(key.data) for row in someone.chat.guest.last.buttons for key in row]
    await someone.do(next(one for one in data if one.endswith(draft.id)))
    assert await someone.place() == (place if drafted(library, place) else "unasked.what")
    assert sentence in leaves((await someone.session()).to_json()["frames"])


def belongs(place: Place, tier: str) -> bool:
    """Whether words of a tier are an answer at a question: its own card asks it."""
    flow, _, step = place.partition(".")
    asks = {tier, "hard"} if tier == "soft" else {tier}
    return step != "else" and flow in {FLOWS[one] for one in asks}


def is_burned(library: Library, place: Place) -> bool:
    step = step_at(library, place)
    return isinstance(step, Ask) and step.burn


def drafted(library: Library, place: Place) -> bool:
    """Whether what is answered there becomes a draft of its own flow; else it is a note's."""
    flow = library.flows[place.partition(".")[0]]
    step = step_at(library, place)
    kept = isinstance(step, Ask | Choose | ChooseMany) and step.save is not None
    return kept and flow.entry is not None and flow.rank != "moment"


@pytest.mark.parametrize(
    "walked",
    [
        pytest.param(EVERYWHERE[::9], id="some"),
        pytest.param(list(product(NAMES, SENTENCES)), id="names"),
        pytest.param(EVERYWHERE, id="all", marks=pytest.mark.long),
    ],
)
async def test_danger_in_any_field_of_any_flow_opens_its_card_and_waits_in_a_draft(
    walked: list[tuple[Place, str]], library: Library, tmp_path: Path
) -> None:
    failed: dict[tuple[Place, str], str] = {}
    async with chatting(tmp_path) as chat:
        first = Inside(chat)
        for place, tier in walked:
            try:
                await meet(await first.another("Ada"), library, place, tier)
            except AssertionError as error:
                failed[place, tier] = str(error)
    assert not failed


def test_there_is_a_road_to_every_question_that_takes_words(library: Library) -> None:
    assert {place for place, _ in EVERYWHERE} == set(places(library))


# --- elsewhere, and what a card does -----------------------------------------------------------


@pytest.mark.parametrize("tier", SENTENCES)
async def test_at_a_question_with_buttons_only_the_words_wait_as_a_note(
    tier: str, tmp_path: Path
) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await stand_at(chat, "parts", "toward")
        assert FIRST[tier] in said(await chat.type(SENTENCES[tier]))
        (draft,) = await drafts(chat)
        assert draft.frame["answers"]["text"] == SENTENCES[tier]


async def test_before_consent_the_card_comes_and_nothing_is_drafted(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        assert FIRST["hard"] in said(await chat.type(SENTENCES["hard"]))
        assert await drafts(chat) == []


@pytest.mark.parametrize(("tier", "stops"), [("hard", True), ("abuse", True), ("soft", False)])
async def test_an_urgent_card_cancels_what_waits_in_its_own_turn(
    tier: str, tmp_path: Path, *, stops: bool
) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        who, due = (await someone(chat)).id, chat.clock.now() + timedelta(minutes=20)
        await chat.house.store.write(
            lambda tx: [
                tx.set_timer(who, due, prompts.PAUSE, "wait", {"flow": "activated"}),
                tx.set_timer(who, due, prompts.LATER, "note", {}),
            ]
        )
        await chat.type(SENTENCES[tier])
        left = await timers(chat)
        assert left == (set() if stops else {prompts.PAUSE, prompts.LATER})
        assert not stops or await chat.skip(timedelta(minutes=21)) == []


async def test_every_kind_that_is_not_agreed_on_a_card_is_stopped_or_rests() -> None:
    for name, kind in prompts.KINDS.items():
        assert kind.stopped_by_cards or kind.rests or name == prompts.MORNING


async def test_for_a_day_nothing_comes_but_the_check_that_was_agreed(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        person = replace(await someone(chat), zone="UTC", checkin_at="08:00")
        await chat.house.store.write(lambda tx: tx.save_person(person))
        await chat.house.store.write(prompts.next_checkin(person, chat.clock.now()))
        await chat.type(SENTENCES["hard"])
        for label in ("Not right now", "That's all", "Yes"):
            await chat.tap(label)
        assert await chat.skip(timedelta(hours=10, minutes=5)) == []  # 08:05, the daily note rests
        (note,) = await chat.skip(timedelta(hours=1))
        assert note.text == "A note for you."
        await chat.tap("Leave it")
        assert resting(await events(chat), chat.clock.now())
        assert "[Fewer]" in drawn((await chat.skip(timedelta(hours=23)))[-1])[-1]


async def test_the_morning_check_survives_a_second_card_and_says_nothing_of_its_own(
    tmp_path: Path,
) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await chat.type(SENTENCES["hard"])
        for label in ("Not right now", "That's all", "Yes"):
            await chat.tap(label)
        await chat.type(SENTENCES["abuse"])
        assert await timers(chat) == {prompts.MORNING}


async def test_no_card_comes_twice_in_a_row_with_the_same_words(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        for tier, sentence in SENTENCES.items():
            texts = []
            for _ in range(4):
                texts.append(said(await chat.type(sentence)))
                await chat.type("/cancel")
            for one, other in pairwise(texts):
                assert one != other, tier


async def test_a_card_on_a_card_is_an_answer_and_keeps_the_way_out_open(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await chat.type(SENTENCES["hard"])
        answer = said(await chat.type(SENTENCES["hard"]))
        assert FIRST["hard"] not in answer
        assert "your local emergency number" in answer
        assert len(await events(chat)) == 1


async def test_an_event_holds_no_word_of_what_was_written(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await chat.type(f"tonight {SENTENCES['hard']} under the old bridge")
        (event,) = await events(chat)
        assert event.tier == "hard"
        assert not set(event.rule.replace(".", " ").split()) & {"tonight", "bridge", "old"}


@pytest.mark.parametrize("tier", SENTENCES)
async def test_danger_in_an_edited_message_and_in_a_caption(tier: str, tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        chat.guest.photo(caption=SENTENCES[tier])
        assert FIRST[tier] in said(await chat.news())
        await chat.type("/cancel")
        await chat.skip(timedelta(days=2))  # or the card would say that it read that too
        number = chat.guest.send("an evening at home")
        await chat.news()
        chat.guest.edit(number, SENTENCES[tier])
        assert FIRST[tier] in said(await chat.news())
        assert sum(SENTENCES[tier] in leaves(d.frame) for d in await drafts(chat)) == 2


async def test_what_was_not_said_to_the_open_question_waits_beside_its_answers(
    tmp_path: Path,
) -> None:
    async with chatting(tmp_path) as chat:
        someone = Inside(chat)
        await walk(someone, CONSENTED)
        await arrive(someone, "log.did")
        (mine,) = [one for one in chat.guest.messages if one.mine and one.text == "he is late"]
        chat.guest.edit(mine.message_id, SENTENCES["hard"])
        assert FIRST["hard"] in said(await chat.news())
        await walk(someone, ("/cancel", "+2d", "/log", "she is late", "5"))
        assert FIRST["abuse"] in said(await chat.type(f"/checkin {SENTENCES['abuse']}"))
        found = await drafts(chat)
        assert all("did" not in draft.frame["answers"] for draft in found)
        notes = {d.frame["answers"]["text"] for d in found if d.flow == "unasked"}
        assert notes == {SENTENCES["hard"], SENTENCES["abuse"]}


async def test_a_card_for_a_caption_comes_first_and_alone(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        chat.guest.photo(caption=SENTENCES["hard"])
        (card,) = await chat.news()
        assert FIRST["hard"] in card.text
        await chat.type("/cancel")
        chat.guest.photo(caption="the lamp in the hall")
        note, _ = await chat.news()
        assert "Pictures" in note.text  # it is still said, the next time


@pytest.mark.parametrize("tier", SENTENCES)
async def test_danger_in_the_middle_of_as_many_words_as_a_message_holds(
    tier: str, tmp_path: Path
) -> None:
    noise = "The bus was late and the shop was shut. " * 50
    text = f"{noise}{SENTENCES[tier]}. {noise * 2}"[:4096].strip()
    async with chatting(tmp_path) as chat:
        someone = Inside(chat)
        await walk(someone, CONSENTED)
        await arrive(someone, "log.did")
        assert FIRST[tier] in said(await someone.hear(text))
        (draft,) = await drafts(chat)
        assert draft.frame["answers"]["did"] == text


async def test_an_ordinary_line_before_it_does_not_unsay_it(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await chat.type("so much laundry and homework")
        assert FIRST["hard"] in said(await chat.type(SENTENCES["hard"]))


async def test_danger_behind_a_command_is_held_without_the_command(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        assert FIRST["hard"] in said(await chat.type(f"/log {SENTENCES['hard']}"))
        (draft,) = await drafts(chat)
        assert draft.frame["answers"]["text"] == SENTENCES["hard"]


async def test_danger_split_over_three_messages(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        assert FIRST["hard"] not in said(await chat.type("i want to kill"))
        assert FIRST["hard"] not in said(await chat.type("my"))
        assert FIRST["hard"] in said(await chat.type("self"))


async def test_what_an_added_field_said_is_in_the_draft_of_its_own_entry(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        for line in ("/log he is late", "6", "waited"):
            await chat.type(line)
        await chat.tap("Add the story")
        await chat.type(SENTENCES["hard"])
        (draft,) = await drafts(chat)
        assert draft.frame["answers"]["story"] == SENTENCES["hard"]
        who = (await someone(chat)).id
        (entry,) = await chat.house.store.read(lambda tx: tx.entries(who))
        assert draft.frame["values"]["entry"] == entry.id


@pytest.mark.parametrize("sentence", [SENTENCES["abuse"], SENTENCES["control"], HARM])
async def test_what_began_on_a_card_never_counts_as_progress(sentence: str, tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        for line in ("/log he is late", "6"):
            await chat.type(line)
        await chat.type(sentence)
        await chat.type("/cancel")
        await chat.type("/log")
        await chat.tap("Earlier ones")
        await chat.tap("An unfinished note")
        await chat.type("skip")
        await chat.tap("The rest")
        for _ in range(7):
            await chat.type("skip" if "How strong" not in chat.guest.last.text else "1")
        who = (await someone(chat)).id
        (entry,) = await chat.house.store.read(lambda tx: tx.entries(who))
        assert entry.fields["left_out"] is True
        assert "Nothing kept" in said(await chat.type("/summary 7"))


async def test_removing_reaches_back_to_what_raised_the_card(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await chat.skip(timedelta(hours=2))
        before = len(chat.guest.messages)
        await chat.type(SENTENCES["abuse"])
        await chat.tap("Remove these messages")
        left = chat.guest.messages[before:]
        assert [bubble.text.split(".")[0] for bubble in left] == ["Cleared what I can"]


async def test_erased_events_open_what_they_closed(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        await known(chat)
        await chat.type(SENTENCES["abuse"])
        await chat.type("/cancel")
        await chat.type("/settings")
        await chat.tap("What is on record")
        await chat.tap("Erase that")
        assert await events(chat) == []
        who = (await someone(chat)).id
        kept = await chat.house.store.read(lambda tx: tx.session(who))
        assert Session.from_json(kept or {}).cards["doors"] == 0


async def test_a_screener_that_throws_opens_no_exercise_and_loses_nothing(
    library: Library, tmp_path: Path
) -> None:
    def throwing(text: str, recent: Sequence[str], step: str) -> Verdict:
        del recent, step
        raise RuntimeError(text)

    async def nowhere(chat_id: int, say: Say) -> None:
        raise TelegramTrouble(f"{chat_id}: {say.text}")

    async def nothing(file_id: str) -> bytes:
        raise TelegramTrouble(file_id)

    async with chatting(tmp_path) as chat:
        await known(chat)
        await stand_at(chat, "log", "did")
        sent: list[Outbound] = []
        ports = Ports(sent.extend, lambda _id, _text: None, nowhere, nothing)
        coach = Coach(chat.house.store, library, chat.clock, throwing, ports, House())
        me = chat.guest.id
        coach.hear(Heard(10_000, me, me, Typed("my words of tonight", 9_000)))
        await coach.idle()
        texts = "\n".join(str(row.call.get("text")) for row in sent)
        assert "Something isn't working on my side" in texts
        assert "findahelpline.com" in texts
        assert not any(exercise in texts for exercise in NO_EXERCISE)
        (draft,) = await drafts(chat)
        assert draft.frame["answers"]["did"] == "my words of tonight"
        assert [event.tier for event in await events(chat)] == ["fault"]
        coach.hear(Heard(10_001, me, me, Typed("/sos", 9_001)))
        await coach.idle()
        assert any("In danger" in str(row.call.get("text")) for row in sent)
