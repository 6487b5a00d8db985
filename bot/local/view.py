"""What the chat page asks for: people and bubbles as JSON, changes as they happen."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.local.control import odd
from bot.local.guest import kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from bot.local.guest import Guest
    from bot.local.standin import Change, Chat, Standin

JSON = dict[str, Any]

HERE = Path(__file__).parent / "page"
PARTS = {
    "/": ("index.html", "text/html"),
    "/chat.css": ("chat.css", "text/css"),
    "/chat.js": ("chat.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
# What a browser may show in place; everything else is only ever offered as a download.
SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4"}
LONGEST_SKIP = 400 * 24 * 3600
LONGEST_UPLOAD = 50 * 1024 * 1024
HEARTBEAT = 15
LONGEST_PREVIEW = 120


class View:
    """The page's side of the stand-in."""

    def __init__(self, standin: Standin, skip: Callable[[timedelta], None] | None) -> None:
        self.standin = standin
        self.skip = skip
        self.closing = asyncio.Event()

    def routes(self) -> list[Route]:
        """Return the routes, for the app to mount."""
        acts: dict[str, Callable[[JSON], Any]] = {
            "join": self._join,
            "send": lambda told: self._guest(told).send(told["text"]),
            "tap": lambda told: self._guest(told).tap_data(told["message"], told["data"]),
            "edit": lambda told: self._guest(told).edit(told["message"], told["text"]),
            "delete": lambda told: self._guest(told).delete(told["message"]),
            "odd": lambda told: odd(self._guest(told), told["kind"]),
            "block": lambda told: self._guest(told).block(),
            "unblock": lambda told: self._guest(told).unblock(),
            "skip": self._skip,
        }
        routes = [Route(path, _part(*named)) for path, named in PARTS.items()]
        routes += [
            Route(f"/page/{name}", _act(act), methods=["POST"]) for name, act in acts.items()
        ]
        return [
            *routes,
            Route("/page/state", self._state),
            Route("/page/chat/{number:int}", self._chat),
            Route("/page/file/{file_id}", self._file),
            Route("/page/upload", self._upload, methods=["POST"]),
            Route("/page/live", self._live),
        ]

    def _guest(self, told: JSON) -> Guest:
        return self.standin.guest(int(told["chat"]))

    def _join(self, told: JSON) -> JSON:
        name = str(told["name"]).strip()
        if not name:
            raise ValueError("a person needs a name")
        return {"id": self.standin.join(name[:64]).id}

    def _skip(self, told: JSON) -> JSON:
        if self.skip is None:
            raise ValueError("this clock cannot be moved")
        seconds = float(told["seconds"])
        if not 0 <= seconds <= LONGEST_SKIP:
            raise ValueError("time moves forward here")
        self.skip(timedelta(seconds=seconds))
        for chat in self.standin.chats.values():
            if chat.user is not None:
                self.standin.changed("skipped", chat)
        return {"now": self.standin.now()}

    async def _state(self, _: Request) -> Response:
        standin = self.standin
        people = [guest.chat for guest in standin.guests]
        return JSONResponse(
            {
                "bot": {
                    "name": standin.face("name"),
                    "description": standin.face("description"),
                    "about": standin.face("short_description"),
                },
                "now": standin.now(),
                "skippable": self.skip is not None,
                "chats": [self._summary(chat) for chat in people],
            }
        )

    def _summary(self, chat: Chat) -> JSON:
        newest = next(reversed(chat.posts.values()), None)
        message = newest.message if newest else None
        return {
            "id": chat.id,
            "name": " ".join(
                chat.face[key] for key in ("first_name", "last_name") if key in chat.face
            ),
            "last": message and _preview(message),
            "mine": bool(message and message.get("from", {}).get("id") == chat.id),
            "date": message and message["date"],
            "blocked": chat.blocked,
        }

    async def _chat(self, request: Request) -> Response:
        chat = self.standin.chats.get(request.path_params["number"])
        if chat is None or chat.user is None:
            return JSONResponse({"error": "no such person"}, status_code=404)
        since = int(request.query_params.get("since", "0"))
        busy = chat.typing
        menu = self.standin.menu_buttons
        return JSONResponse(
            {
                **self._summary(chat),
                "revision": self.standin.revision,
                "now": self.standin.now(),
                "ids": list(chat.posts),
                "bubbles": [
                    {**post.message, "mine": post.message.get("from", {}).get("id") == chat.id}
                    for post in chat.posts.values()
                    if post.revision > since
                ],
                "keyboard": chat.keyboard,
                "typing": max(0, busy[1] - self.standin.now()) if busy else 0,
                "started": chat.started,
                "commands": self.standin.commands_for(chat),
                "menu": menu.get(chat.id, menu.get(0, {"type": "default"})),
            }
        )

    async def _file(self, request: Request) -> Response:
        stored = self.standin.files.get(request.path_params["file_id"])
        if stored is None:
            return Response(status_code=404)
        name = quote(stored.name, safe="")
        return Response(
            stored.content,
            media_type=stored.mime if stored.mime in SHOWN else "application/octet-stream",
            headers={
                "Content-Disposition": (
                    f"{'inline' if stored.mime in SHOWN else 'attachment'}; filename*=UTF-8''{name}"
                )
            },
        )

    async def _upload(self, request: Request) -> Response:
        told = request.query_params
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > LONGEST_UPLOAD:
                return JSONResponse({"error": "larger than 50 MB"}, status_code=413)
        try:
            guest = self.standin.guest(int(told["chat"]))
            guest.document(told["name"], bytes(content), caption=told.get("caption", ""))
        except (LookupError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(None)

    async def _live(self, _: Request) -> Response:
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[str]:
        news: asyncio.Queue[Change | None] = asyncio.Queue()
        stop = self.standin.watch(news.put_nowait)
        closing = asyncio.create_task(self._end(news))
        try:
            yield f"retry: 500\ndata: {json.dumps({'kind': 'hello'})}\n\n"
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        change = await news.get()
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if change is None:
                    return
                told = {"kind": change.kind, "chat": change.chat, "message": change.message_id}
                if change.kind == "toast":
                    told |= {"text": change.text, "alert": change.alert}
                yield f"data: {json.dumps(told)}\n\n"
        finally:
            stop()
            closing.cancel()

    async def _end(self, news: asyncio.Queue[Change | None]) -> None:
        await self.closing.wait()
        news.put_nowait(None)


def _preview(message: JSON) -> str:
    text = message.get("text") or message.get("caption")
    if text:
        return " ".join(text[: 2 * LONGEST_PREVIEW].split())[:LONGEST_PREVIEW]
    names = {"photo": "Picture", "animation": "Animation", "document": "File"}
    kind = kind_of(message)
    return names.get(kind, kind.capitalize())


def _part(name: str, media_type: str) -> Callable[[Request], Any]:
    async def give(_: Request) -> Response:
        return FileResponse(
            HERE / name, media_type=media_type, headers={"Cache-Control": "no-cache"}
        )

    return give


def _act(act: Callable[[JSON], Any]) -> Callable[[Request], Any]:
    async def take(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "expected JSON"}, status_code=415)
        try:
            return JSONResponse(act(await request.json()))
        except (LookupError, ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return take
