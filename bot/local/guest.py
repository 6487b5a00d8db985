"""What people do and see: the hands and eyes of a person, a group or a channel."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.local import entities
from bot.local.params import LONGEST_TEXT, Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.local.standin import Chat, Standin, Stored

JSON = dict[str, Any]

# One grey pixel, so that a picture someone sends can really be fetched.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGOoBwAAgQCAjJkCZwAAAABJRU5ErkJggg=="
)
ELSEWHERE = {"id": 5_999_999_999, "is_bot": False, "first_name": "Someone"}


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a bubble; one of data, copy and url says what it does."""

    text: str
    data: str | None = None
    copy: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message as the person sees it now."""

    message_id: int
    mine: bool
    text: str
    html: str
    buttons: tuple[tuple[Button, ...], ...]
    reply_keyboard: tuple[tuple[str, ...], ...]
    photo: Stored | None
    animation: Stored | None
    document: Stored | None
    edited: bool
    date: datetime
    kind: str

    @property
    def labels(self) -> list[str]:
        """Every button's label, in reading order."""
        return [button.text for row in self.buttons for button in row]


def bubble(standin: Standin, chat: Chat, message: JSON) -> Bubble:
    """Show a message as the person of this chat sees it."""
    text: str = message.get("text") or message.get("caption") or ""
    marks: list[JSON] = message.get("entities") or message.get("caption_entities") or []
    sender = message.get("from", {}).get("id")
    files = {kind: _stored(standin, message, kind) for kind in ("photo", "animation", "document")}
    if files["animation"] is not None:
        files["document"] = None
    post = chat.posts.get(message["message_id"])
    return Bubble(
        message_id=message["message_id"],
        mine=chat.user is not None and sender == chat.id,
        text=text,
        html=entities.write_html(text, marks),
        buttons=tuple(
            tuple(_button(button) for button in row)
            for row in message.get("reply_markup", {}).get("inline_keyboard", [])
        ),
        reply_keyboard=labels(post.keyboard) if post is not None else (),
        photo=files["photo"],
        animation=files["animation"],
        document=files["document"],
        edited="edit_date" in message,
        date=datetime.fromtimestamp(message["date"], UTC),
        kind=kind_of(message),
    )


def kind_of(message: JSON) -> str:
    """Name what a message is."""
    kinds = (
        "text photo animation document voice sticker location contact poll story "
        "video video_note audio dice new_chat_members"
    )
    return next((kind for kind in kinds.split() if kind in message), "other")


def labels(keyboard: JSON | None) -> tuple[tuple[str, ...], ...]:
    """Return a reply keyboard's labels, row by row."""
    rows = keyboard["keyboard"] if keyboard and "keyboard" in keyboard else []
    return tuple(tuple(button["text"] for button in row) for row in rows)


def _stored(standin: Standin, message: JSON, kind: str) -> Stored | None:
    shown = message.get(kind)
    if isinstance(shown, list):
        shown = shown[-1]
    return standin.files.get(shown["file_id"]) if shown else None


def _button(button: JSON) -> Button:
    copied = button.get("copy_text")
    return Button(
        button["text"],
        data=button.get("callback_data"),
        copy=copied["text"] if copied else None,
        url=button.get("url"),
    )


class Guest:
    """A person in their private chat with the bot."""

    def __init__(self, standin: Standin, chat: Chat) -> None:
        self.standin = standin
        self.chat = chat

    # --- what they see

    @property
    def id(self) -> int:
        """The person's number, which is their chat's too."""
        return self.chat.id

    @property
    def name(self) -> str:
        """First and last name."""
        return " ".join(
            self.chat.face[key] for key in ("first_name", "last_name") if key in self.chat.face
        )

    @property
    def messages(self) -> list[Bubble]:
        """Everything in the chat now, in order."""
        return [bubble(self.standin, self.chat, post.message) for post in self.chat.posts.values()]

    @property
    def answers(self) -> list[Bubble]:
        """What the bot wrote and still stands there."""
        return [one for one in self.messages if not one.mine]

    @property
    def last(self) -> Bubble:
        """The newest bubble."""
        return self.messages[-1]

    @property
    def keyboard(self) -> tuple[tuple[str, ...], ...]:
        """The reply keyboard that lies open."""
        return labels(self.chat.keyboard)

    @property
    def toasts(self) -> list[str]:
        """What answers to taps said, oldest first."""
        return self.chat.toasts

    @property
    def clipboard(self) -> str:
        """What a copy button copied last."""
        return self.chat.clipboard

    @property
    def typing(self) -> bool:
        """Whether the bot shows that it is busy."""
        busy = self.chat.typing
        return busy is not None and busy[1] > self.standin.now()

    @property
    def blocked(self) -> bool:
        """Whether this person has blocked the bot."""
        return self.chat.blocked

    # --- what they do

    def send(self, text: str) -> int:
        """Type something; a long text goes in pieces, as Telegram's apps do it."""
        words = text.strip()
        if not words:
            raise ValueError("Telegram's apps do not send an empty message")
        number = 0
        for piece in _pieces(words):
            found = entities.finish(piece, [])
            content: JSON = {"text": found[0]}
            if found[1]:
                content["entities"] = found[1]
            number = self._post(content)
        return number

    def tap(self, label_or_data: str, *, message_id: int | None = None) -> str | None:
        """Tap the newest button with this label or data; return the tap's number if it has one."""
        for post in reversed(self.chat.posts.values()):
            if message_id is None or post.message["message_id"] == message_id:
                for button in _inline(post.message):
                    if label_or_data in (button["text"], button.get("callback_data")):
                        return self._press(post.message["message_id"], button)
        if message_id is None and any(label_or_data in row for row in self.keyboard):
            self.send(label_or_data)
            return None
        raise LookupError(f"no button {label_or_data!r}; visible are {self.visible}")

    @property
    def visible(self) -> list[str]:
        """Every label that can be tapped now, newest bubble first, the keyboard last."""
        shown = [
            button["text"]
            for post in reversed(self.chat.posts.values())
            for button in _inline(post.message)
        ]
        return shown + [label for row in self.keyboard for label in row]

    def tap_data(self, message_id: int, data: str) -> str:
        """Tap as an old screen does, whether or not the button is still there."""
        post = self.chat.posts.get(message_id)
        seen = (
            post.message
            if post is not None
            else {"chat": self.chat.face, "message_id": message_id, "date": 0}
        )
        number = self.standin.open_tap(self.chat)
        self._check_open()
        self.standin.push(
            "callback_query",
            {
                "id": number,
                "from": self.chat.user,
                "message": seen,
                "chat_instance": str(self.id * 7919),
                "data": data,
            },
        )
        return number

    def _press(self, message_id: int, button: JSON) -> str | None:
        if "callback_data" in button:
            return self.tap_data(message_id, button["callback_data"])
        if "copy_text" in button:
            self.chat.clipboard = button["copy_text"]["text"]
        return None

    def edit(self, message_id: int, text: str) -> None:
        """Edit something they typed earlier."""
        post = self.chat.posts.get(message_id)
        if post is None or post.message.get("from", {}).get("id") != self.id:
            raise LookupError(f"{self.name} has no message {message_id} to edit")
        words, found = entities.finish(text, [])
        name = "text" if "text" in post.message else "caption"
        marks = "entities" if name == "text" else "caption_entities"
        message = {key: value for key, value in post.message.items() if key != marks}
        message.update({name: words, "edit_date": int(self.standin.now())})
        if found:
            message[marks] = found
        post.message = message
        self.standin.touch(self.chat, post)
        self.standin.push("edited_message", message)

    def delete(self, message_id: int) -> None:
        """Delete a message for both sides; Telegram tells the bot nothing."""
        del self.chat.posts[message_id]
        self.standin.changed("deleted", self.chat, message_id)

    def block(self) -> None:
        """Block the bot."""
        self._member("kicked", blocked=True)

    def unblock(self) -> None:
        """Let the bot write again."""
        self._member("member", blocked=False)

    def _member(self, status: str, *, blocked: bool) -> None:
        if self.chat.blocked == blocked:
            return
        self.chat.blocked = blocked
        self.standin.changed("blocked", self.chat)
        self.standin.push(
            "my_chat_member",
            {
                "chat": self.chat.face,
                "from": self.chat.user,
                "date": int(self.standin.now()),
                "old_chat_member": _membership(self.standin, "member" if blocked else "kicked"),
                "new_chat_member": _membership(self.standin, status),
            },
        )

    # --- the kinds of message that are not words

    def photo(self, content: bytes = PIXEL, *, caption: str = "") -> int:
        """Send a picture."""
        stored = self.standin.store("photo", Upload("photo.png", content, "image/png"))
        size = {
            "file_id": stored.file_id,
            "file_unique_id": stored.unique_id,
            "file_size": len(content),
            "width": stored.width,
            "height": stored.height,
        }
        return self._post({"photo": [size], **_caption(caption)})

    def document(self, name: str, content: bytes, *, caption: str = "") -> int:
        """Send a file."""
        mime = "application/json" if name.endswith(".json") else "application/octet-stream"
        stored = self.standin.store("document", Upload(name, content, mime))
        shown = {
            "file_id": stored.file_id,
            "file_unique_id": stored.unique_id,
            "file_name": name,
            "mime_type": mime,
            "file_size": len(content),
        }
        return self._post({"document": shown, **_caption(caption)})

    def send_voice(self) -> int:
        """Speak a message."""
        stored = self.standin.store("voice", Upload("voice.ogg", b"OggS", "audio/ogg"))
        return self._post(
            {
                "voice": {
                    "file_id": stored.file_id,
                    "file_unique_id": stored.unique_id,
                    "duration": 2,
                    "mime_type": "audio/ogg",
                    "file_size": 4,
                }
            }
        )

    def sticker(self, emoji: str = "🌿") -> int:
        """Send a sticker."""
        stored = self.standin.store("sticker", Upload("sticker.webp", b"RIFF", "image/webp"))
        return self._post(
            {
                "sticker": {
                    "file_id": stored.file_id,
                    "file_unique_id": stored.unique_id,
                    "type": "regular",
                    "width": 512,
                    "height": 512,
                    "is_animated": False,
                    "is_video": False,
                    "emoji": emoji,
                }
            }
        )

    def location(self, latitude: float = 52.52, longitude: float = 13.4) -> int:
        """Send a place."""
        return self._post({"location": {"latitude": latitude, "longitude": longitude}})

    def contact(self, name: str = "Someone", phone: str = "+10000000000") -> int:
        """Send someone's card."""
        return self._post({"contact": {"phone_number": phone, "first_name": name}})

    def poll(self, question: str = "Which?", options: tuple[str, ...] = ("One", "Two")) -> int:
        """Send a poll."""
        return self._post(
            {
                "poll": {
                    "id": str(self.standin.next_message),
                    "question": question,
                    "options": [
                        {"persistent_id": str(index), "text": option, "voter_count": 0}
                        for index, option in enumerate(options)
                    ],
                    "total_voter_count": 0,
                    "is_closed": False,
                    "is_anonymous": True,
                    "type": "regular",
                    "allows_multiple_answers": False,
                    "allows_revoting": True,
                    "members_only": False,
                }
            }
        )

    def story(self) -> int:
        """Send a story on."""
        chat = {"id": ELSEWHERE["id"], "type": "private", "first_name": "Someone"}
        return self._post({"story": {"chat": chat, "id": 1}})

    def forward(self, text: str = "Something someone else wrote") -> int:
        """Forward someone else's words."""
        origin = {"type": "user", "date": int(self.standin.now()), "sender_user": ELSEWHERE}
        return self._post({"forward_origin": origin, "text": text})

    def _check_open(self) -> None:
        if self.chat.blocked:
            raise ValueError(f"{self.name} has blocked the bot; unblock it first")

    def _post(self, content: JSON) -> int:
        self._check_open()
        self.chat.started = True
        message = self.standin.post(self.chat, content, sender=self.chat.user)
        self.standin.push("message", message)
        return int(message["message_id"])


class Room:
    """A group or a channel, as seen by those in it."""

    def __init__(self, standin: Standin, chat: Chat) -> None:
        self.standin = standin
        self.chat = chat

    @property
    def id(self) -> int:
        """The chat's number, below zero."""
        return self.chat.id

    @property
    def messages(self) -> list[Bubble]:
        """Everything in the chat now, in order."""
        return [bubble(self.standin, self.chat, post.message) for post in self.chat.posts.values()]

    @property
    def left(self) -> bool:
        """Whether the bot is out."""
        return self.chat.blocked

    def post(self, text: str, *, sender: Guest | None = None) -> int:
        """Say something: a channel speaks for itself, a group needs someone."""
        channel = self.chat.face["type"] == "channel"
        user = None if channel else sender.chat.user if sender else ELSEWHERE
        words, found = entities.finish(text, [])
        content: JSON = {"text": words, "entities": found} if found else {"text": words}
        message = self.standin.post(self.chat, content, sender=user)
        self.standin.push("channel_post" if channel else "message", message)
        return int(message["message_id"])

    def admit(self) -> None:
        """Take the bot in; Telegram tells it so."""
        status = "administrator" if self.chat.face["type"] == "channel" else "member"
        self.chat.blocked = False
        self._member("left", status)

    def expel(self) -> None:
        """Throw the bot out."""
        self.chat.blocked = True
        self._member("member", "kicked")

    def _member(self, before: str, after: str) -> None:
        self.standin.push(
            "my_chat_member",
            {
                "chat": self.chat.face,
                "from": ELSEWHERE,
                "date": int(self.standin.now()),
                "old_chat_member": _membership(self.standin, before),
                "new_chat_member": _membership(self.standin, after),
            },
        )


def _membership(standin: Standin, status: str) -> JSON:
    member: JSON = {"user": standin.bot, "status": status}
    if status == "kicked":
        member["until_date"] = 0
    if status == "administrator":
        rights = (
            "can_be_edited is_anonymous can_manage_chat can_delete_messages "
            "can_manage_video_chats can_restrict_members can_promote_members can_change_info "
            "can_invite_users can_post_stories can_edit_stories can_delete_stories "
            "can_post_messages can_edit_messages"
        )
        member.update(dict.fromkeys(rights.split(), False))
    return member


def _inline(message: JSON) -> Iterator[JSON]:
    for row in message.get("reply_markup", {}).get("inline_keyboard", []):
        yield from row


def _caption(text: str) -> JSON:
    return {"caption": text} if text else {}


def _pieces(text: str) -> Iterator[str]:
    while entities.length(text) > LONGEST_TEXT:
        # Half of the limit is safe whatever the text is made of; all of it when it is plain.
        cut = LONGEST_TEXT if text.isascii() else LONGEST_TEXT // 2
        yield text[:cut]
        text = text[cut:]
    yield text
