"""A Telegram of your own: people, chats, messages and updates in memory; no I/O but save/load."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.local import pictures
from bot.local.faults import Cut, Faults, refusal
from bot.local.guest import Guest, Room
from bot.local.updates import Queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.clock import Clock
    from bot.local.params import Params, Upload
    from bot.local.refusal import Refusal

JSON = dict[str, Any]

# Real ids no longer fit 32 bits; a bot that cuts them off should find out here.
FIRST_PERSON = 5_000_000_001
FIRST_GROUP = -1_002_000_000_001
TAP_OPEN_FOR = 15 * 60
TYPING_LASTS = 5
CALLS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the bot's, as it came and how it went."""

    method: str
    params: JSON
    ok: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Something a watcher may want to show."""

    kind: str
    chat: int
    message_id: int = 0
    text: str = ""
    alert: bool = False


@dataclass(slots=True)
class Stored:
    """A file both sides can fetch."""

    file_id: str
    unique_id: str
    kind: str
    name: str
    mime: str
    content: bytes
    width: int = 0
    height: int = 0

    @property
    def path(self) -> str:
        """Where the file lies below /file/bot<token>/."""
        ending = self.name.rpartition(".")[2] if "." in self.name else "bin"
        return f"{self.kind}s/{self.unique_id}.{ending}"


@dataclass(slots=True)
class Post:
    """A message in a chat and what Telegram knows about it without saying."""

    message: JSON
    revision: int
    frozen: bool = False
    keyboard: JSON | None = None


@dataclass(slots=True)
class Chat:
    """A conversation: one person's private chat, a group or a channel."""

    face: JSON
    user: JSON | None
    posts: dict[int, Post] = field(default_factory=dict)
    started: bool = False
    blocked: bool = False
    keyboard: JSON | None = None
    typing: tuple[str, float] | None = None
    toasts: list[str] = field(default_factory=list)
    clipboard: str = ""
    revision: int = 0

    @property
    def id(self) -> int:
        """The chat's number, which for a person is the person's."""
        return int(self.face["id"])


@dataclass(slots=True)
class Webhook:
    """Where updates are brought instead of being fetched."""

    url: str
    secret: str = ""
    max_connections: int = 40
    last_error: tuple[int, str] | None = None


class Standin:
    """Bot API and people at once; the server speaks for it, tests and the page act in it."""

    def __init__(
        self,
        clock: Clock,
        *,
        token: str = "1:local",  # noqa: S107 - the stand-in's token opens nothing
        record: bool = True,
        keep: int | None = None,
    ) -> None:
        """Start empty; `record=False` and `keep` bound what a long load leaves behind."""
        self.clock = clock
        self.token = token
        self.record = record
        self.keep = keep
        self.bot: JSON = {
            "id": int(token.partition(":")[0]) if token.partition(":")[0].isdigit() else 1,
            "is_bot": True,
            "first_name": "Bot",
            "username": "local_bot",
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "has_main_web_app": False,
        }
        self.queue = Queue()
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, Stored] = {}
        self.taps: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.commands: dict[tuple[str, str], list[JSON]] = {}
        self.faces: dict[tuple[str, str], str] = {}
        self.menu_buttons: dict[int, JSON] = {}
        self.webhook: Webhook | None = None
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.counts: Counter[str] = Counter()
        self.faults = Faults()
        self.revision = 0
        self.next_message = 1
        self.next_tap = 1
        self._watchers: list[Callable[[Change], None]] = []

    # --- time and change

    def now(self) -> float:
        """Return the present moment in seconds, by the clock passed in."""
        return self.clock.now().timestamp()

    def watch(self, watcher: Callable[[Change], None]) -> Callable[[], None]:
        """Tell someone about every change from now on; call what comes back to stop."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def changed(self, kind: str, chat: Chat, message_id: int = 0, **more: Any) -> None:
        """Count a change and tell the watchers."""
        self.revision += 1
        chat.revision = self.revision
        for watcher in tuple(self._watchers):
            watcher(Change(kind, chat.id, message_id, **more))

    def face_changed(self) -> None:
        """Tell the watchers that the bot's name, texts or menu changed."""
        self.revision += 1
        for watcher in tuple(self._watchers):
            watcher(Change("face", 0))

    # --- people and places

    def join(self, name: str, *, language_code: str = "en") -> Guest:
        """Add a person; nothing is said yet, so the bot cannot write to them."""
        first, _, last = name.partition(" ")
        number = FIRST_PERSON + sum(1 for chat in self.chats.values() if chat.user)
        shown: JSON = {"id": number, "first_name": first}
        if last:
            shown["last_name"] = last
        face = {**shown, "type": "private"}
        user = {**shown, "is_bot": False, "language_code": language_code}
        self.chats[number] = chat = Chat(face, user)
        self.changed("joined", chat)
        return Guest(self, chat)

    def guest(self, number: int) -> Guest:
        """Find a person by number; KeyError when there is none."""
        chat = self.chats[number]
        if chat.user is None:
            raise KeyError(number)
        return Guest(self, chat)

    @property
    def guests(self) -> list[Guest]:
        """Everyone who joined, in order."""
        return [Guest(self, chat) for chat in self.chats.values() if chat.user is not None]

    def group(self, title: str) -> Room:
        """Open a group that the bot has just been added to."""
        return self._room(title, "supergroup")

    def channel(self, title: str) -> Room:
        """Open a channel that the bot has just been made an administrator of."""
        return self._room(title, "channel")

    def _room(self, title: str, kind: str) -> Room:
        number = FIRST_GROUP - sum(1 for chat in self.chats.values() if not chat.user)
        self.chats[number] = chat = Chat({"id": number, "title": title, "type": kind}, None)
        chat.started = True
        room = Room(self, chat)
        room.admit()
        return room

    # --- updates

    def push(self, kind: str, payload: JSON) -> int | None:
        """Put an update into the queue."""
        return self.queue.push(kind, payload, self.now())

    def raw(self, update: JSON) -> None:
        """Put any update into the queue, word for word; twice, if called twice."""
        self.queue.push_raw(update, self.now())

    # --- messages

    def post(self, chat: Chat, content: JSON, *, sender: JSON | None) -> JSON:
        """Put a message into a chat, dated now."""
        number = self.next_message
        self.next_message = number + 1
        message: JSON = {"message_id": number}
        if sender is not None:
            message["from"] = sender
        elif chat.user is None:
            message["sender_chat"] = chat.face
        message["chat"] = chat.face
        message["date"] = int(self.now())
        message.update(content)
        chat.posts[number] = Post(message, self.revision + 1)
        if self.keep is not None and len(chat.posts) > self.keep:
            del chat.posts[next(iter(chat.posts))]
        self.changed("message", chat, number)
        return message

    def touch(self, chat: Chat, post: Post) -> None:
        """Note that a message was edited."""
        post.revision = self.revision + 1
        self.changed("edited", chat, post.message["message_id"])

    def open_tap(self, chat: Chat) -> str:
        """Give a tap its number; the bot can answer it for a quarter of an hour."""
        number = str(4_000_000_000_000_000_000 + self.next_tap)
        self.next_tap += 1
        now = self.now()
        self.taps[number] = (chat.id, now)
        while self.taps and now - next(iter(self.taps.values()))[1] > TAP_OPEN_FOR:
            self.taps.popitem(last=False)
        return number

    # --- files

    def store(self, kind: str, upload: Upload) -> Stored:
        """Keep a file; the same bytes of the same kind are kept once."""
        unique = hashlib.sha256(kind.encode() + b"\0" + upload.content).hexdigest()[:16]
        file_id = f"LOCAL{kind[:3].upper()}{unique}"
        known = self.files.get(file_id)
        if known is not None and known.name == upload.name:
            return known
        width, height = pictures.size(upload.content) or (0, 0)
        stored = Stored(
            file_id, unique, kind, upload.name, upload.mime, upload.content, width, height
        )
        self.files[file_id] = stored
        return stored

    def file_at(self, path: str) -> Stored | None:
        """Find a file by the path that getFile gave out."""
        return next((one for one in self.files.values() if one.path == path), None)

    # --- the bot's face

    def face(self, what: str, language: str = "") -> str:
        """Return the bot's name, description or short description as this language sees it."""
        fallback = self.bot["first_name"] if what == "name" else ""
        return self.faces.get((what, language)) or self.faces.get((what, "")) or fallback

    def commands_for(self, chat: Chat) -> list[JSON]:
        """Return the command menu as this chat sees it: the narrowest scope, then the language."""
        language = (chat.user or {}).get("language_code", "")
        wide = "all_private_chats" if chat.user else "all_group_chats"
        for scope in (f"chat:{chat.id}", wide, "default"):
            for code in (language, ""):
                if (scope, code) in self.commands:
                    return self.commands[scope, code]
        return []

    # --- calls

    def accepted(self, method: str, params: Params) -> None:
        """Write an accepted call down."""
        self.counts[method] += 1
        if self.record:
            self.calls.append(Call(method, params.values, ok=True))

    def refused(self, method: str, params: Params, error: Refusal) -> None:
        """Write a refused call down."""
        self.counts[method] += 1
        if self.record:
            self.calls.append(Call(method, params.values, ok=False, description=error.description))

    # --- faults

    def fail(
        self,
        method: str,
        *,
        status: int,
        description: str,
        parameters: JSON | None = None,
        times: int = 1,
    ) -> None:
        """Refuse the next calls of a method ("*": of any) in these words."""
        self.faults.add(method, refusal(status, description, parameters), times)

    def cut(self, method: str, times: int = 1, *, after_acceptance: bool) -> None:
        """Drop the connection of the next calls, before they are taken or after."""
        self.faults.add(method, Cut(after_acceptance), times)

    def hold(self, method: str) -> None:
        """Take calls of a method but keep the answers back until `release`."""
        self.faults.hold(method)

    def release(self, method: str | None = None) -> None:
        """Let held answers go."""
        self.faults.release(method)

    # --- surviving a power cut

    @property
    def mark(self) -> int:
        """A number that moves with everything worth saving."""
        return self.revision + self.counts.total() + self.queue.next_id

    def save(self, path: Path) -> None:
        """Write everything to a file, whole or not at all."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self._dump(), ensure_ascii=False), encoding="utf-8")
        part.replace(path)

    def _dump(self) -> JSON:
        return {
            "schema": 1,
            "revision": self.revision,
            "next": [self.next_message, self.next_tap, self.queue.next_id],
            "allowed": self.queue.allowed,
            "waiting": [
                [one.update, one.kind, one.born, one.odd, one.delivered]
                for one in self.queue.waiting
            ],
            "chats": [
                {
                    "face": chat.face,
                    "user": chat.user,
                    "started": chat.started,
                    "blocked": chat.blocked,
                    "keyboard": chat.keyboard,
                    "posts": [
                        [post.message, post.frozen, post.keyboard] for post in chat.posts.values()
                    ],
                }
                for chat in self.chats.values()
            ],
            "files": [
                [one.file_id, one.unique_id, one.kind, one.name, one.mime, _pack(one.content)]
                for one in self.files.values()
            ],
            "taps": [[number, *tap] for number, tap in self.taps.items()],
            "commands": [[*key, value] for key, value in self.commands.items()],
            "faces": [[*key, value] for key, value in self.faces.items()],
            "menu_buttons": list(self.menu_buttons.items()),
            "webhook": self.webhook and [self.webhook.url, self.webhook.secret],
        }

    @classmethod
    def load(cls, path: Path, clock: Clock, *, token: str = "1:local") -> Standin:  # noqa: S107
        """Read a file that `save` wrote."""
        told = json.loads(path.read_text(encoding="utf-8"))
        standin = cls(clock, token=token)
        standin.revision = told["revision"]
        standin.next_message, standin.next_tap, standin.queue.next_id = told["next"]
        standin.queue.restore(told["allowed"], told["waiting"])
        for one in told["chats"]:
            posts = {
                message["message_id"]: Post(message, standin.revision, frozen, keyboard)
                for message, frozen, keyboard in one["posts"]
            }
            chat = Chat(one["face"], one["user"], posts, one["started"], one["blocked"])
            chat.keyboard = one["keyboard"]
            standin.chats[chat.id] = chat
        for *names, content in told["files"]:
            data = base64.b64decode(content)
            width, height = pictures.size(data) or (0, 0)
            file_id, unique_id, kind, name, mime = names
            standin.files[file_id] = Stored(
                file_id, unique_id, kind, name, mime, data, width, height
            )
        standin.taps.update((number, (chat_id, born)) for number, chat_id, born in told["taps"])
        standin.commands.update(((scope, code), value) for scope, code, value in told["commands"])
        standin.faces.update(((what, code), value) for what, code, value in told["faces"])
        standin.menu_buttons.update(told["menu_buttons"])
        if told["webhook"]:
            standin.webhook = Webhook(*told["webhook"])
        return standin


def _pack(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
