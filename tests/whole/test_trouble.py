"""Trouble as it really comes: one sentence and exit code 78, or patience and nothing lost."""

from __future__ import annotations

import http.client
import json
import re
import resource
import shutil
import signal
import socket
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.settings import Settings
from tests.whole.house import CONFIG, OK, TOKEN, Bot, House, leaves, until

SECRET = "a-secret_of-the-webhook"


def refuses(bot: Bot, *words: str, **settings: str) -> str:
    """Start it and return the one sentence with which it refuses."""
    done = bot.cli(**settings)
    lines = done.stderr.splitlines()
    assert done.returncode == CONFIG, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]
    return lines[0]


def kept(house: House, who: int) -> list[str]:
    whole = house.export(who)
    return list(leaves([whole["entries"], whole["drafts"]]))


# --- it cannot start -------------------------------------------------------------------------


def test_a_token_telegram_does_not_know(house: House) -> None:
    said = refuses(house.bot, "BOT_TOKEN", BOT_TOKEN="987654:another-token-of-another-bot")
    assert "another-token" not in said
    assert "another-token" not in refuses(
        house.another("hooked", **webhook(free_port())),
        "BOT_TOKEN",
        BOT_TOKEN="987654:another-token-of-another-bot",
    )


def test_a_key_that_is_not_there_or_not_the_one(house: House) -> None:
    bot = house.bot
    bot.start()
    house.newcomer("Ada")
    assert bot.stop() == OK
    before = bot.database.read_bytes()
    other = bot.cli("keys", "new").stdout.strip()
    assert other not in refuses(bot, "key", BOT_MASTER_KEY=other)
    refuses(bot, "key", BOT_MASTER_KEY="not a key")
    kept_key = bot.key_file.rename(bot.key_file.with_suffix(".away"))
    refuses(bot, "key", str(bot.key_file))
    assert not bot.key_file.exists(), "no new key is made for a database that has one"
    bot.key_file.touch(0o600)
    bot.key_file.write_text("damaged")
    refuses(bot, "key")
    bot.key_file.unlink()
    kept_key.replace(bot.key_file)
    assert bot.database.read_bytes() == before
    bot.start()
    house.newcomer("Bob")
    assert bot.stop() == OK


def test_a_database_of_a_newer_bot(house: House) -> None:
    bot = house.bot
    bot.start()
    house.newcomer("Ada")
    assert bot.stop() == OK
    with closing(sqlite3.connect(bot.database)) as connection, connection:
        connection.execute("INSERT INTO migrations (version, applied_at) VALUES (9999, 0)")
    refuses(bot, "newer version")


def test_a_damaged_database(house: House) -> None:
    bot = house.bot
    bot.start()
    house.newcomer("Ada")
    assert bot.stop() == OK
    whole = bot.database.read_bytes()
    bot.database.write_bytes(b"\0" * 100 + whole[100:])
    refuses(bot, "damaged", "restore")
    torn = bytearray(whole)
    for at in range(4096, len(torn), 2):
        torn[at] ^= 0x5A
    bot.database.write_bytes(torn)
    refuses(bot, "damaged", "restore")
    bot.database.write_text("a shopping list, and nothing of a database\n" * 100)
    refuses(bot, "not a database")


def test_damage_in_a_database_too_big_to_be_looked_through_at_a_start(house: House) -> None:
    bot = house.bot
    bot.start()
    ada = house.newcomer("Ada")
    assert bot.stop() == OK
    with closing(sqlite3.connect(bot.database)) as connection:
        with connection:
            connection.execute("INSERT INTO meta VALUES ('big', zeroblob(70000000))")
        (sealed,) = connection.execute("SELECT sealed FROM sessions").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with bot.database.open("r+b") as file:
        file.seek(file.read(2_000_000).index(sealed) // 4096 * 4096)
        file.write(b"\xa5" * 200)
    bot.start()
    before = len(house.telegram.answers(ada))
    house.telegram.send(ada, "a barge went down the river without a light")
    until(lambda: "is damaged or not a database" in bot.told(), "it says what it met")
    house.telegram.send(ada, "/sos")
    house.answered(ada, before, "If it could be now")
    told = [line for line in bot.told().splitlines() if "is damaged" in line]
    assert "restore FILE" in told[0]
    assert "barge" not in bot.told()
    bot.kill()  # a turn that waits for the database would hold up the end


def test_a_second_bot_on_one_database(house: House) -> None:
    bot = house.bot
    bot.start()
    ada = house.newcomer("Ada")
    refuses(bot)
    for words in (("backup", "copy.db"), ("restore", "copy.db"), ("keys", "rotate")):
        done = bot.cli(*words)
        assert (done.returncode, len(done.stderr.splitlines())) == (CONFIG, 1), done.stderr
    house.say(ada, "/help", "What there is")
    assert bot.stop() == OK


def test_a_flow_with_a_mistake(house: House, tmp_path: Path) -> None:
    content = tmp_path / "content"
    shutil.copytree(Settings().content, content)
    flow = content / "en" / "flows" / "log.toml"
    flow.write_text(flow.read_text("utf-8").replace('next = "did"', 'next = "nowhere"'))
    done = house.bot.cli(BOT_CONTENT=str(content))
    assert done.returncode == CONFIG
    assert "log.toml" in done.stderr
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not house.bot.database.exists(), "nothing is begun with content that does not fit"


# --- trouble in the middle of a talk ---------------------------------------------------------


def test_a_disk_that_is_full_and_then_is_not(house: House) -> None:
    """No file of the bot may grow; SQLite sees it as a disk that takes no more."""
    bot = house.bot
    bot.start()
    ada, bob = house.newcomer("Ada"), house.newcomer("Bob")
    house.say(ada, "/log", "What happened")
    wal = bot.database.with_name("bot.db-wal")
    size = max(wal.stat().st_size, bot.log.stat().st_size + 4096)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    heard = {who: len(house.telegram.answers(who)) for who in (ada, bob)}
    house.telegram.send(bob, "/sos")
    house.answered(bob, heard[bob], "If it could be now")  # the one answer that needs no disk
    house.telegram.send(ada, "a crane stood in the yard of the school")
    house.telegram.send(ada, "6")
    until(lambda: re.search("refused|could not be kept", bot.told()), "the disk is full")
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    house.answered(ada, heard[ada], "How strong was it", "what did you do")
    house.answered(bob, heard[bob], "In danger, or it could be now")
    told = [one["text"] for one in house.telegram.answers(bob)[heard[bob] :]]
    assert len(told) == 2, told
    house.say(ada, "stayed in bed until noon that day", "Kept.")
    words = kept(house, ada)
    assert sum("crane" in text for text in words) == 1
    assert sum("until noon" in text for text in words) == 1
    assert bot.stop() == OK


def test_nothing_is_lost_when_it_is_asked_to_end_while_twenty_people_talk(house: House) -> None:
    bot = house.bot
    bot.start()
    house.newcomer("Ada")
    inputs: list[Any] = ["/start"]
    inputs += [{"tap": tap} for tap in ("Look around first", "Mine", "Yes, I'm 18 or older")]
    inputs += [{"tap": "Just look"}, "/log", "the swing in the yard was moving all night", "5"]
    inputs += ["looked at it for a long time", {"tap": "Add the story"}, "that it would rain soon"]
    told: dict[str, Any] = {}

    def load() -> None:
        line = http.client.HTTPConnection("127.0.0.1", house.telegram.port, timeout=100)
        body = json.dumps({"people": 20, "inputs": inputs, "timeout": 90})
        line.request("POST", "/control/load", body, {"Content-Type": "application/json"})
        told.update(json.loads(line.getresponse().read()))
        line.close()

    thread = threading.Thread(target=load)
    before = house.telegram.count("sendMessage")
    thread.start()
    for more in (60, 120):
        sent = before + more
        until(lambda sent=sent: house.telegram.count("sendMessage") >= sent, "they talk")  # type: ignore[misc]
        assert bot.stop() == OK
        assert "repeated" not in bot.told()
        bot.start()
    thread.join(100)
    assert told["finished"] == 20, told
    assert told["replies"] == 20 * len(inputs), "no reply is missing, and none came twice"
    for person in house.telegram.look("people")[1:3]:
        assert sum("swing" in text for text in kept(house, person["id"])) == 1


def test_it_ends_when_asked_to_though_telegram_cannot_be_reached(house: House) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for name, mode in (("polls", {}), ("hooked", webhook(free_port()))):
        bot = house.another(name, **mode)
        bot.api = nobody
        bot.start()
        until(lambda bot=bot: "Telegram cannot be" in bot.told(), f"{name} notices")  # type: ignore[misc]
        assert bot.stop() == OK, name
        assert "Traceback" not in bot.told()


def test_two_bots_with_one_token(house: House) -> None:
    bot, other = house.bot, house.another("other")
    bot.start()
    ada = house.newcomer("Ada")
    other.start()

    def told() -> bool:
        house.alive()
        return any("Another copy of this bot" in one.told() for one in (bot, other))

    until(told, "one of them says that there are two")
    assert other.stop() == OK
    house.say(ada, "/help", "What there is")
    assert bot.stop() == OK


def test_a_note_comes_once_though_its_turn_waits_long(house: House) -> None:
    """A due timer rings every second until it had its turn; here a file holds the turn up."""
    bot = house.bot
    bot.start()
    ada = house.newcomer("Ada")
    house.say(ada, "/checkin")
    house.say(ada, "Later", "When?")
    house.say(ada, "In an hour", "OK, later")
    before = len(house.telegram.answers(ada))
    house.telegram.act("hold", method="getFile")
    house.telegram.act("document", id=ada, name="notes.json", base64="e30=")
    until(lambda: house.telegram.count("getFile"), "the file is asked for")
    house.telegram.act("skip", seconds=3600 + 2400)
    rung = house.bot.database.with_name("bot.alive")
    for _ in range(3):
        until(rung.exists, "the clock has rung")
        touched = rung.stat().st_mtime_ns
        until(lambda touched=touched: rung.stat().st_mtime_ns > touched, "the clock rings")  # type: ignore[misc]
    house.telegram.act("release")
    house.answered(ada, before, "Nothing was changed", "A note for you")
    house.say(ada, "OK", "Closer or further")
    heard = [one["text"] for one in house.telegram.answers(ada)[before:]]
    assert sum("A note for you" in text for text in heard) == 1


# --- odd things ------------------------------------------------------------------------------


def test_the_same_update_twice_and_one_nobody_understands(house: House) -> None:
    house.bot.start()
    ada = house.newcomer("Ada")
    house.say(ada, "/log", "What happened")
    message = {
        "message_id": 999_999,
        "date": house.telegram.messages(ada)[-1]["date"],
        "chat": {"id": ada, "type": "private", "first_name": "Ada"},
        "from": {"id": ada, "is_bot": False, "first_name": "Ada"},
        "text": "a heron came down to the pond at six",
    }
    before = len(house.telegram.answers(ada))
    odd: list[Any] = [
        {"message": {**message, "chat": "nonsense"}},
        {"message": 5},
        {"message": {**message, "entities": [{"type": "new kind", "offset": -1}], "text": 7}},
        {"callback_query": {"id": 1}},
        {"a_kind_of_2031": {"from": []}},
    ]
    for update in odd:
        house.telegram.raw(update)
    for _ in range(2):
        house.telegram.raw({"update_id": 800_000_000, "message": message})
    house.answered(ada, before, "How strong was it")
    house.settle()
    house.telegram.raw({"update_id": 800_000_000, "message": message})
    house.say(ada, "5", "what did you do")
    house.say(ada, "went on walking by the water", "Kept.")
    assert sum("heron" in text for text in kept(house, ada)) == 1
    asked = [one["text"] for one in house.telegram.answers(ada)[before:]]
    assert sum("what did you do" in text for text in asked) == 1


def test_two_messages_at_once_are_answered_in_their_order(house: House) -> None:
    house.bot.start()
    ada = house.newcomer("Ada")
    before = len(house.telegram.answers(ada))
    for text in ("/log", "a kite hung in the tree all week", "4", "left it where it was then"):
        house.telegram.send(ada, text)
    house.answered(ada, before, "What happened", "How strong", "what did you do", "Kept.")
    assert [sum(w in t for t in kept(house, ada)) for w in ("kite", "left it")] == [1, 1]


def test_an_edited_message_changes_nothing_and_is_told_once(house: House) -> None:
    house.bot.start()
    ada = house.newcomer("Ada")
    house.say(ada, "/log", "What happened")
    house.say(ada, "an owl sat on the chimney at dusk", "How strong")
    sent = [one["message_id"] for one in house.telegram.messages(ada) if one["mine"]][-1]
    before = len(house.telegram.answers(ada))
    for text in ("an owl and a bat", "an owl and two bats"):
        house.telegram.act("edit", id=ada, message_id=sent, text=text)
    house.answered(ada, before, "changed a message")
    house.say(ada, "5", "what did you do")
    assert house.telegram.says(ada, "changed a message")()
    heard = [one["text"] for one in house.telegram.answers(ada)]
    assert sum("changed a message" in text for text in heard) == 1
    house.say(ada, "listened to it for a while there", "Kept.")
    words = list(leaves(house.export(ada)["entries"]))
    assert any("owl sat" in text for text in words)
    assert not any("bat" in text for text in words)


def test_a_group_is_told_once_that_this_is_no_place_for_it(house: House) -> None:
    house.bot.start()
    ada = house.newcomer("Ada")
    group = {"id": -1_001_234_567_890, "type": "supergroup", "title": "Friends"}
    date = house.telegram.messages(ada)[-1]["date"]
    for number in range(3):
        house.telegram.raw(
            {
                "message": {
                    "message_id": number + 1,
                    "date": date,
                    "chat": group,
                    "from": {"id": ada, "is_bot": False, "first_name": "Ada"},
                    "text": "/log a private thing",
                }
            }
        )
    house.settle()
    house.say(ada, "/help", "What there is")

    def spoken() -> list[Any]:
        calls = house.telegram.calls("sendMessage")
        return [call for call in calls if int(call["params"]["chat_id"]) == group["id"]]

    until(spoken, "the group is answered")
    house.say(ada, "/help", "What there is")
    assert len(spoken()) == 1
    assert "private" in spoken()[0]["params"]["text"]


def test_someone_blocks_the_bot_and_comes_back(house: House) -> None:
    bot = house.bot
    bot.start()
    ada, bob = house.newcomer("Ada"), house.newcomer("Bob")
    for what, answer in (
        ("/settings", "Clock"),
        ("Notes", "Quiet hours"),
        ("Daily note", "what time"),
        ("20:30", "clock"),
    ):
        house.say(ada, what, answer)
    house.say(ada, "OK", "What time is it")
    house.say(ada, "Berlin", "Every day at 20:30")
    house.telegram.act("block", id=ada)
    house.settle()
    before = len(house.telegram.answers(ada))
    house.telegram.act("skip", seconds=26 * 3600)
    house.say(bob, "/help", "What there is")
    assert len(house.telegram.answers(ada)) == before
    house.telegram.act("unblock", id=ada)
    house.settle()
    now = datetime.now(UTC) + timedelta(seconds=26 * 3600)
    evening = now.astimezone(ZoneInfo("Europe/Berlin")).replace(hour=20, minute=31)
    house.telegram.act("skip", seconds=((evening - now).total_seconds() % 86400))
    house.answered(ada, before, "A note for you")
    house.say(ada, "OK", "Closer or further")
    assert bot.stop() == OK


# --- webhook ---------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def webhook(port: int) -> dict[str, str]:
    return {
        "BOT_MODE": "webhook",
        "BOT_WEBHOOK_URL": f"http://127.0.0.1:{port}/telegram",
        "BOT_WEBHOOK_SECRET": SECRET,
        "BOT_LISTEN": f"127.0.0.1:{port}",
    }


def bring(port: int, body: bytes, secret: str | None) -> int:
    """Bring an update the way Telegram does, or someone who would like to be it."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    head = {"Content-Type": "application/json"}
    if secret is not None:
        head["X-Telegram-Bot-Api-Secret-Token"] = secret
    line.request("POST", "/telegram", body, head)
    status = line.getresponse().status
    line.close()
    return status


def test_updates_that_are_brought(house: House) -> None:
    port = free_port()
    bot = house.another("hooked", **webhook(port))
    bot.start()
    ada = house.newcomer("Ada")
    house.say(ada, "/log", "What happened")
    update = {
        "update_id": 900_000_000,
        "message": {
            "message_id": 999_999,
            "date": house.telegram.messages(ada)[-1]["date"],
            "chat": {"id": ada, "type": "private", "first_name": "Ada"},
            "from": {"id": ada, "is_bot": False, "first_name": "Ada"},
            "text": "words of a stranger who found the door",
        },
    }
    body = json.dumps(update).encode()
    for wrong in (None, "", "wrong", SECRET[:-1], SECRET + "x"):
        assert bring(port, body, wrong) == 403
    for junk in (b"", b"{", b"[]", b"7", b'{"update_id": "7"}', b"\xff\xfe", b"[" * 100_000):
        assert bring(port, junk, SECRET) == 400
    assert bring(port, b" " * 2_000_000, SECRET) == 413
    house.say(ada, "a gull walked along the window sill", "How strong")
    # Killed and begun again, it is brought what it did not take, and nothing it took.
    bot.kill()
    before = len(house.telegram.answers(ada))
    house.telegram.send(ada, "5")
    bot.start()
    house.answered(ada, before, "what did you do")
    surrogate = {**update, "update_id": 900_000_001}
    surrogate["message"] = {**update["message"], "text": "half a sign \ud83d at the end"}  # type: ignore[dict-item]
    before = len(house.telegram.answers(ada))
    assert bring(port, json.dumps(surrogate).encode(), SECRET) == 200
    house.answered(ada, before, "")
    assert "half a sign" not in bot.told()
    house.say(ada, "/help", "What there is")
    words = kept(house, ada)
    assert not any("stranger" in text for text in words)
    assert sum("gull" in text for text in words) == 1
    assert house.telegram.count("getUpdates") == 0
    assert bot.stop() == OK


def test_from_webhook_to_polling_and_back(house: House) -> None:
    hooked = house.another("hooked", **webhook(free_port()))
    hooked.start()
    ada = house.newcomer("Ada")
    assert hooked.stop() == OK
    before = len(house.telegram.answers(ada))
    house.telegram.send(ada, "/help")
    hooked.settings.clear()
    hooked.start()
    house.answered(ada, before, "What there is")
    assert hooked.stop() == OK
    hooked.settings.update(webhook(free_port()))
    hooked.start()
    house.say(ada, "/help", "What there is")
    assert hooked.stop() == OK


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quietly(house: House, number: signal.Signals) -> None:
    house.bot.start()
    house.newcomer("Ada")
    house.bot.send_signal(number)
    assert house.bot.end() == OK
    assert TOKEN not in house.bot.told()
    assert "Traceback" not in house.bot.told()
