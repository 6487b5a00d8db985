"""The wire to Telegram: ``telegram.Bot`` over aiohttp, and what must not leave it sanitised."""

from __future__ import annotations

import io
import logging
import os
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

# Spans of time as timedelta: without this the library warns each time Telegram asks it to wait.
os.environ.setdefault("PTB_TIMEDELTA", "true")

import aiohttp
import telegram
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot import jsons
from bot.errors import TelegramTrouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TELEGRAM_URL: Final = "https://api.telegram.org"

# Below INFO the library writes every call with its parameters and its own address, which holds
# the token; nobody may turn that on by lowering the level of the root logger.
for _name in ("telegram", "aiohttp", "httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Calls that never carry a person's words: what Telegram says to them may be read as it is.
_OURS: Final = re.compile(
    r"/(getUpdates|getMe|\w+Webhook|getWebhookInfo|setMy\w+|setChatMenuButton)$"
)

# What Telegram says in refusals the bot acts on or writes down. All else may quote the message
# ("Unsupported start tag ..."), so of that only the kind of trouble is kept.
_KNOWN: Final = (
    "message is not modified",
    "message to edit not found",
    "message to delete not found",
    "message can't be edited",
    "message can't be deleted",
    "message identifier is not specified",
    "message text is empty",
    "message is too long",
    "message caption is too long",
    "can't parse entities",
    "text must be encoded in UTF-8",
    "text must be non-empty",
    "query is too old",
    "query ID is invalid",
    "chat not found",
    "user not found",
    "bot was blocked by the user",
    "user is deactivated",
    "bot can't initiate conversation with a user",
    "bot can't send messages to bots",
    "bot was kicked",
    "bot is not a member",
    "not enough rights",
    "have no rights to send a message",
    "need administrator rights",
    "CHAT_WRITE_FORBIDDEN",
    "PEER_ID_INVALID",
    "USER_IS_BLOCKED",
    "BUTTON_DATA_INVALID",
    "BUTTON_COPY_TEXT_INVALID",
    "REPLY_MARKUP_TOO_LONG",
    "can't parse reply keyboard markup",
    "can't parse inline keyboard button",
    "object expected as reply markup",
    "inline keyboard expected",
    "file must be non-empty",
    "file is too big",
    "file is temporarily unavailable",
    "wrong file identifier",
    "wrong file_id",
    "wrong remote file identifier",
    "Request Entity Too Large",
    "Too Many Requests",
    "Internal Server Error",
    "Bad Gateway",
    "Gateway Timeout",
    "Unauthorized",
    "Not Found",
    "terminated by other getUpdates request",
    "can't use getUpdates method while webhook is active",
)

# Codes PTB has an error of its own for; every other 4xx is a refusal like 400 to us, whereas PTB
# would call it a network error and it would be tried for ever.
_TELLING: Final = frozenset({400, 401, 403, 404, 409, 429})


class NotSent(NetworkError):  # noqa: N818 - names what happened, like the library's TimedOut
    """No connection came about, so Telegram cannot have taken the call."""

    __slots__ = ()


class ServerFault(NetworkError):  # noqa: N818 - the same
    """Telegram answered, but only that something is wrong at its end."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds each part of a call may take."""

    pool: float = 5.0
    connect: float = 5.0
    write: float = 5.0
    upload: float = 60.0
    """Writing, when files go along."""
    read: float = 10.0


class AiohttpRequest(BaseRequest):
    """What ``telegram.Bot`` talks through; no error of it holds an address, a token or words."""

    def __init__(
        self,
        *,
        connections: int = 64,
        patience: Patience | None = None,
        proxy: str | None = None,
    ) -> None:
        self._connections = connections
        self._patience = patience or Patience()
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        """Seconds to wait for an answer."""
        return self._patience.read

    async def initialize(self) -> None:
        """Open the pool; needs the running loop."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    ttl_dns_cache=300,
                    # Shorter than Telegram's own: a connection found closed while we write leaves
                    # in doubt whether the call was taken.
                    keepalive_timeout=15,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.USER_AGENT},
                proxy=self._proxy,
                timeout=self._timeout(),
            )

    async def shutdown(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()

    async def do_request(  # noqa: PLR0913, PLR0917 - the signature is the library's
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Make one request and return status and body."""
        session = self._session
        if session is None or session.closed:
            raise NotSent("The connection to Telegram is not open.")
        # ``Bot`` passes DEFAULT_NONE where nobody asked for anything.
        asked = (connect_timeout, read_timeout, write_timeout, pool_timeout)
        uploads = request_data is not None and request_data.contains_files
        timeout = (
            session.timeout
            if not uploads and all(value is BaseRequest.DEFAULT_NONE for value in asked)
            else self._timeout(*asked, uploads=uploads)
        )
        try:
            body, headers = _body(request_data)
            async with session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                payload = await answer.read()
                status = answer.status
        # Each text of aiohttp's may hold the address and with it the token, or what was to be
        # sent, so none is kept; and what escapes here the library would quote in full.
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise NotSent(f"No connection to Telegram ({type(error).__name__}).") from None
        except TimeoutError:
            raise TimedOut from None
        except Exception as error:  # noqa: BLE001 - as above
            raise NetworkError(f"Telegram went silent ({type(error).__name__}).") from None
        if status < 300:  # noqa: PLR2004 - HTTP
            return status, payload
        if status >= 500:  # noqa: PLR2004 - HTTP
            raise ServerFault(f"Telegram is in trouble ({status}).")
        return _refusal(url, status, payload)

    def _timeout(
        self,
        connect: Any = BaseRequest.DEFAULT_NONE,
        read: Any = BaseRequest.DEFAULT_NONE,
        write: Any = BaseRequest.DEFAULT_NONE,
        pool: Any = BaseRequest.DEFAULT_NONE,
        *,
        uploads: bool = False,
    ) -> aiohttp.ClientTimeout:
        unset = BaseRequest.DEFAULT_NONE
        patience = self._patience
        connect = patience.connect if connect is unset else connect
        read = patience.read if read is unset else read
        pool = patience.pool if pool is unset else pool
        if write is unset:
            write = patience.upload if uploads else patience.write
        # aiohttp's "connect" spans waiting for a free place and connecting. It knows no time for
        # writing, so that lies in the whole.
        spans = (connect, read, write, pool)
        whole = None if None in spans else sum(spans)
        waiting = None if None in (connect, pool) else connect + pool
        # The clock for reading runs while the request is still being written.
        reading = None if None in (read, write) else read + (write if uploads else 0)
        return aiohttp.ClientTimeout(
            total=whole, connect=waiting, sock_connect=connect, sock_read=reading
        )

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read an answer; unlike the library's own, a broken one is not written to the log."""
        try:
            value = jsons.load(payload)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise TelegramError("Telegram's answer cannot be read.") from None
        return value


def _body(data: RequestData | None) -> tuple[bytes | aiohttp.FormData | None, dict[str, str]]:
    if data is None:
        return None, {}
    if not data.contains_files:
        # JSON rather than a form: cheaper to write, and half a surrogate pair survives it.
        return jsons.dump(data.parameters), {"Content-Type": "application/json"}
    form = aiohttp.FormData(quote_fields=False)  # file names as they are, in UTF-8
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, part in data.multipart_data.items():
        filename, content, kind = part
        # As a file: aiohttp would write a long run of bytes in one go and hold up the loop.
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        form.add_field(name, stream, filename=filename, content_type=kind)
    return form, {}


def _refusal(url: str, status: int, payload: bytes) -> tuple[int, bytes]:
    """Return an error's status and body with nothing left in it that could be a person's."""
    try:
        told = jsons.load(payload)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {}
    said = told.get("description")
    said = said if isinstance(said, str) else ""
    if not _OURS.search(url):
        said = next((known for known in _KNOWN if known.lower() in said.lower()), "")
    safe: dict[str, Any] = {"ok": False, "error_code": status, "description": said or str(status)}
    parameters = told.get("parameters")
    if isinstance(parameters, dict):
        kept = {
            key: parameters[key]
            for key in ("retry_after", "migrate_to_chat_id")
            if isinstance(parameters.get(key), int)
        }
        if kept:
            safe["parameters"] = kept
    if status not in _TELLING:
        status = 400
    return status, jsons.dump(safe)


@asynccontextmanager
async def telegram_bot(
    token: str, api_url: str = TELEGRAM_URL, *, connections: int = 128
) -> AsyncIterator[telegram.Bot]:
    """Open the wire and close it at the end; asks nothing of Telegram yet.

    ``Bot.initialize`` is left out on purpose: it raises an error with the token in its text.
    """
    api_url = api_url.rstrip("/")
    proxy = _proxy(api_url)
    # Two pools, so that no number of sends keeps the next poll waiting.
    polls = AiohttpRequest(connections=2, proxy=proxy)
    sends = AiohttpRequest(connections=connections, proxy=proxy)
    bot = telegram.Bot(
        token,
        base_url=f"{api_url}/bot",
        base_file_url=f"{api_url}/file/bot",
        request=sends,
        get_updates_request=polls,
    )
    await polls.initialize()
    await sends.initialize()
    try:
        yield bot
    finally:
        await sends.shutdown()
        await polls.shutdown()


def _proxy(api_url: str) -> str | None:
    # aiohttp's own reading of the environment also takes passwords from ~/.netrc, file by file
    # and call by call.
    parts = urlsplit(api_url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


async def call(
    bot: telegram.Bot,
    method: str,
    fields: dict[str, Any] | None = None,
    *,
    read: float | None = None,
) -> Any:
    """Call a method of the Bot API by its own name and return its JSON, no objects made."""
    fields = fields or {}
    if read is not None:
        return await bot.do_api_request(_spelled(method), fields, read_timeout=read)
    if any(isinstance(value, telegram.InputFile) for value in fields.values()):
        return await bot.do_api_request(_spelled(method), fields)
    # Nothing in it but JSON: the library would look through every value for what it can convert.
    # It passes these on unread, to the request above.
    kept = {name: value for name, value in fields.items() if value is not None}
    return await bot.request.post(f"{bot.base_url}/{method}", cast("RequestData", _Fields(kept)))


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a call that are JSON as they stand, in the shape of the library's own."""

    parameters: dict[str, Any]
    contains_files = False


@lru_cache(maxsize=64)
def _spelled(method: str) -> str:
    # The library warns at each call of a method it has a function of its own for, known by its
    # name in either spelling. A third spelling comes out the same on the wire.
    return re.sub(r"([A-Z])", r"_\1", method)


async def fetch(bot: telegram.Bot, file_id: str, limit: int) -> bytes:
    """Return the content of a file a person sent; TelegramTrouble when it cannot be had."""
    try:
        found = cast("dict[str, Any]", await call(bot, "getFile", {"file_id": file_id}))
        if int(found.get("file_size", 0)) > limit:
            raise TelegramTrouble("The file is too big.")
        content = await bot.request.retrieve(f"{bot.base_file_url}/{found['file_path']}")
    except (TelegramError, KeyError, TypeError, ValueError) as error:
        raise TelegramTrouble(f"The file cannot be fetched ({type(error).__name__}).") from None
    if len(content) > limit:
        raise TelegramTrouble("The file is too big.")
    return content
