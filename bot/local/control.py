"""The tests' hands in another process: the stand-in's controls as JSON over HTTP."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.local.crowd import Crowd, scripts

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from bot.local.guest import Bubble, Guest
    from bot.local.standin import Standin

JSON = dict[str, Any]


def seen(one: Bubble) -> JSON:
    """Write a bubble as JSON; a file becomes its file id."""
    files = {"photo": one.photo, "animation": one.animation, "document": one.document}
    return {
        "message_id": one.message_id,
        "mine": one.mine,
        "kind": one.kind,
        "text": one.text,
        "html": one.html,
        "buttons": [
            [{"text": key.text, "data": key.data, "copy": key.copy, "url": key.url} for key in row]
            for row in one.buttons
        ],
        "reply_keyboard": [list(row) for row in one.reply_keyboard],
        "edited": one.edited,
        "date": int(one.date.timestamp()),
        **{name: stored.file_id for name, stored in files.items() if stored is not None},
    }


def _person(guest: Guest) -> JSON:
    return {
        "id": guest.id,
        "name": guest.name,
        "messages": [seen(one) for one in guest.messages],
        "keyboard": [list(row) for row in guest.keyboard],
        "toasts": guest.toasts,
        "typing": guest.typing,
        "blocked": guest.blocked,
        "clipboard": guest.clipboard,
    }


class Control:
    """Everything below /control/."""

    def __init__(self, standin: Standin, skip: Callable[[timedelta], None] | None) -> None:
        self.standin = standin
        self.skip = skip
        self.actions: dict[str, Callable[[JSON], Any]] = {
            "join": self._join,
            "send": lambda told: {"message_id": self._guest(told).send(told["text"])},
            "tap": lambda told: {
                "query": self._guest(told).tap(told["button"], message_id=told.get("message_id"))
            },
            "tap_data": lambda told: {
                "query": self._guest(told).tap_data(told["message_id"], told["data"])
            },
            "edit": lambda told: self._guest(told).edit(told["message_id"], told["text"]),
            "delete": lambda told: self._guest(told).delete(told["message_id"]),
            "document": self._document,
            "odd": lambda told: odd(self._guest(told), told["kind"]),
            "block": lambda told: self._guest(told).block(),
            "unblock": lambda told: self._guest(told).unblock(),
            "raw": standin.raw,
            "fail": lambda told: standin.fail(told.pop("method"), **told),
            "cut": lambda told: standin.cut(told.pop("method"), **told),
            "hold": lambda told: standin.hold(told["method"]),
            "release": lambda told: standin.release(told.get("method")),
            "clear": lambda _: standin.faults.clear(),
            "forget": self._forget,
            "skip": self._skip,
        }

    def routes(self) -> list[Route]:
        """Return the routes, for the app to mount."""
        return [
            Route("/control/load", self._load, methods=["POST"]),
            Route("/control/person", self._read_person),
            Route("/control/people", self._read_people),
            Route("/control/calls", self._read_calls),
            Route("/control/counts", self._read_counts),
            Route("/control/{action}", self._act, methods=["POST"]),
        ]

    async def _act(self, request: Request) -> Response:
        action = self.actions.get(request.path_params["action"])
        if action is None:
            return JSONResponse({"error": "no such control"}, status_code=404)
        try:
            return JSONResponse(action(await request.json()))
        except (LookupError, ValueError, TypeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    def _guest(self, told: JSON) -> Guest:
        return self.standin.guest(int(told["id"]))

    def _join(self, told: JSON) -> JSON:
        guest = self.standin.join(told["name"], language_code=told.get("language_code", "en"))
        return {"id": guest.id}

    def _document(self, told: JSON) -> JSON:
        content = base64.b64decode(told["base64"])
        caption = told.get("caption", "")
        return {"message_id": self._guest(told).document(told["name"], content, caption=caption)}

    def _forget(self, _: JSON) -> None:
        self.standin.calls.clear()
        self.standin.counts.clear()

    def _skip(self, told: JSON) -> None:
        if self.skip is None:
            raise ValueError("this stand-in's clock cannot be moved")
        self.skip(timedelta(seconds=told["seconds"]))

    async def _load(self, request: Request) -> Response:
        told = await request.json()
        crowd = Crowd(self.standin, scripts(told), int(told["people"]))
        report = await crowd.run(float(told.get("timeout", 60)), detail=bool(told.get("detail")))
        return JSONResponse(report)

    async def _read_person(self, request: Request) -> Response:
        try:
            guest = self.standin.guest(int(request.query_params["id"]))
        except (LookupError, ValueError):
            return JSONResponse({"error": "no such person"}, status_code=404)
        return JSONResponse(_person(guest))

    async def _read_people(self, _: Request) -> Response:
        return JSONResponse([{"id": one.id, "name": one.name} for one in self.standin.guests])

    async def _read_calls(self, request: Request) -> Response:
        wanted = request.query_params.get("method", "").lower()
        return JSONResponse(
            [
                {
                    "method": call.method,
                    "params": call.params,
                    "ok": call.ok,
                    "description": call.description,
                }
                for call in self.standin.calls
                if not wanted or call.method.lower() == wanted
            ]
        )

    async def _read_counts(self, _: Request) -> Response:
        return JSONResponse(
            {
                "calls": dict(self.standin.counts),
                "waiting": len(self.standin.queue.waiting),
                "webhook": self.standin.webhook.url if self.standin.webhook else "",
            }
        )


def odd(guest: Guest, kind: str) -> JSON:
    """Send one of the kinds of message that are not words."""
    match kind:
        case "voice":
            number = guest.send_voice()
        case "photo" | "sticker" | "location" | "contact" | "poll" | "story" | "forward":
            number = getattr(guest, kind)()
        case _:
            raise ValueError(f"no such kind: {kind}")
    return {"message_id": number}
