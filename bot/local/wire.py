"""A call's parameters as they come over HTTP: query, form, multipart form or JSON."""

from __future__ import annotations

import json
import re
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from bot.local.params import Params, Upload
from bot.local.refusal import Refusal

_BOUNDARY = re.compile(rb'boundary="?([^";,]+)"?', re.IGNORECASE)


def read(query: str, content_type: str, body: bytes) -> Params:
    """Read the parameters of one call, from wherever Telegram takes them."""
    values: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    if not body:
        return Params(values)
    kind = content_type.partition(";")[0].strip().lower()
    match kind:
        case "application/x-www-form-urlencoded":
            values.update(parse_qsl(body.decode(), keep_blank_values=True))
            return Params(values)
        case "application/json":
            return Params({**values, **_json(body)})
        case "multipart/form-data":
            found = _BOUNDARY.search(content_type.encode())
            if found is None:
                raise Refusal("can't find the boundary of the form")
            return _multipart(values, body, found.group(1))
        case _:
            return Params(values)


def _json(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        raise Refusal("can't parse request: Can't parse JSON object") from None
    if not isinstance(told, dict):
        raise Refusal("can't parse request: JSON object expected")
    return told


def _multipart(values: dict[str, Any], body: bytes, boundary: bytes) -> Params:
    files: dict[str, Upload] = {}
    mark = b"--" + boundary
    # The first piece is what stands before the form, the last what stands after it.
    for piece in (b"\r\n" + body).split(b"\r\n" + mark)[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        told = Message()
        for line in head.decode().split("\r\n"):
            header, colon, value = line.partition(":")
            if colon:
                told[header.strip()] = value.strip()
        name = told.get_param("name", header="content-disposition")
        filename = told.get_filename()
        if not isinstance(name, str):
            continue
        if filename is None:
            values[name] = content.decode()
        else:
            mime = told.get_content_type() if told["content-type"] else "application/octet-stream"
            files[name] = Upload(filename, content, mime)
    return Params(dict(values), files)
