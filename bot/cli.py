"""The command line: what can be asked of the bot, and how it answers when it cannot start."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bot.errors import ContentError, Misconfigured

# What a branch needs is imported inside it: `--help`, `check` and `keys new` need not wait for
# Telegram's client, the database and the web server.

if TYPE_CHECKING:
    from bot.flows.model import Library
    from bot.settings import Settings
    from bot.store import MasterKey

HOW_TO_BEGIN = """\
To run, the bot needs a token: send /newbot to @BotFather in Telegram, and put the token it gives
you into a file named .env, as BOT_TOKEN=...
To try it without one: make try (or: python -m bot try)."""

FAILED = 1
INTERRUPTED = 130
MOST_PORTS = 65535


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    asked = _parser().parse_args(argv)
    do: Callable[[argparse.Namespace], int] = asked.do
    code = os.EX_OK
    # The star finds these also where they come out of a group of tasks.
    try:
        code = do(asked)
    except* (Misconfigured, ContentError) as trouble:
        for error in _each(trouble):
            _complain(str(error))
        code = os.EX_CONFIG
    except* KeyboardInterrupt:
        # For what serves until it is stopped that is the way to end; anything else is cut short.
        code = os.EX_OK if do in {_run, _try} else INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot",
        description="A quiet Telegram bot for hard moments with people. "
        "Without a command it runs; settings come from the environment and from .env.",
    )
    parser.set_defaults(do=_run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, do: Callable[[argparse.Namespace], int], says: str) -> Any:
        added = commands.add_parser(name, help=says, description=says)
        added.set_defaults(do=do)
        return added

    trying = command("try", _try, "Try the whole bot in the browser, without a token.")
    trying.add_argument("--data", type=Path, metavar="DIR", help="keep what is said in this folder")
    trying.add_argument("--port", type=_port, default=8765, help="default: %(default)s")

    checking = command("check", _check, "Look the content through for mistakes.")
    checking.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="default: BOT_CONTENT"
    )

    drawing = command("graph", _graph, "Draw a flow as Mermaid text.")
    drawing.add_argument("flow", metavar="FLOW", help="a flow's name, such as log")

    says = "Make or change the master key."
    keys = commands.add_parser("keys", help=says, description=says)
    of_keys = keys.add_subparsers(title="commands", metavar="COMMAND", required=True)
    says = "Print a new master key."
    of_keys.add_parser("new", help=says, description=says).set_defaults(do=_keys_new)
    says = "Put a new master key in the old one's place; stop the bot first."
    of_keys.add_parser("rotate", help=says, description=says).set_defaults(do=_keys_rotate)

    copying = command("backup", _backup, "Copy the database to a file; stop the bot first.")
    copying.add_argument("file", type=Path, metavar="FILE")

    restoring = command("restore", _restore, "Put a copy in the database's place.")
    restoring.add_argument("file", type=Path, metavar="FILE")

    screening = command("screen", _screen, "Say what the screener finds in rows of text.")
    how = screening.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--jsonl", type=Path, metavar="FILE", help="rows of {id, text, turns?}, one JSON a line"
    )
    how.add_argument(
        "--report", type=Path, metavar="FILE", help="such rows with their tier: how well it does"
    )
    how.add_argument("--text", help="one message, explained")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_PORTS):
        raise argparse.ArgumentTypeError(f"takes a number from 0 to {MOST_PORTS}, not {text}")
    return int(text)


def _run(_: argparse.Namespace) -> int:
    settings = _serving()
    if settings.token is None:
        _complain(HOW_TO_BEGIN)
        return os.EX_CONFIG
    gc.disable()  # what is made from here on stays; the app lets it begin once it stands
    from bot import app, loop  # noqa: PLC0415 - see the top

    loop.run(app.run(settings))
    return os.EX_OK


def _try(asked: argparse.Namespace) -> int:
    settings = _serving()
    from bot import app, loop  # noqa: PLC0415 - see the top

    loop.run(app.try_out(settings, data=asked.data, port=asked.port))
    return os.EX_OK


def _check(asked: argparse.Namespace) -> int:
    from bot.clock import SystemClock  # noqa: PLC0415 - see the top
    from bot.flows import helplines  # noqa: PLC0415 - see the top
    from bot.flows.lint import lint  # noqa: PLC0415 - see the top

    settings = _settings()
    if asked.folder is not None:
        settings = settings.model_copy(update=_place(asked.folder, settings.language))
    try:
        library = _library(settings)
        today = SystemClock().now().date()
        faults = [*lint(library), *helplines.faults(library.texts.get("helplines", {}), today)]
    except ContentError as mistakes:
        _tell(str(mistakes))
        return FAILED
    for fault in faults:
        _tell(fault)
    if faults:
        return FAILED
    steps = sum(len(flow.steps) for flow in library.flows.values())
    _tell(f"{len(library.flows)} flows, {steps} steps: all good.")
    return os.EX_OK


def _place(folder: Path, language: str) -> dict[str, object]:
    """Take either folder: the one with the languages in it, or one language's own."""
    folder = folder.resolve()
    if (folder / "flows").is_dir():
        return {"content": folder.parent, "language": folder.name}
    return {"content": folder, "language": language}


def _graph(asked: argparse.Namespace) -> int:
    from bot.flows.graph import mermaid  # noqa: PLC0415 - see the top

    flows = _library(_settings()).flows
    if asked.flow not in flows:
        _complain(f"There is no flow {asked.flow}; there are: {', '.join(sorted(flows))}.")
        return FAILED
    sys.stdout.write(mermaid(flows[asked.flow]))
    return os.EX_OK


def _keys_new(_: argparse.Namespace) -> int:
    from bot.store import new_key  # noqa: PLC0415 - see the top

    _tell(new_key())
    return os.EX_OK


def _keys_rotate(_: argparse.Namespace) -> int:
    from bot.clock import SystemClock  # noqa: PLC0415 - see the top
    from bot.store import rotate  # noqa: PLC0415 - see the top

    settings = _existing()
    rotate(settings.database, _master(settings), SystemClock())
    return os.EX_OK


def _backup(asked: argparse.Namespace) -> int:
    from bot import loop  # noqa: PLC0415 - see the top
    from bot.clock import SystemClock  # noqa: PLC0415 - see the top
    from bot.store import backup, open_store  # noqa: PLC0415 - see the top

    settings = _existing()

    async def copy() -> Path:
        store = await open_store(settings.database, _master(settings), SystemClock())
        try:
            return await backup(store, asked.file)
        finally:
            await store.close()

    made = loop.run(copy())
    _tell(
        f"{made} is the copy, and {made}.keys are the wrapped keys it opens with. "
        "Without the master key both say nothing: keep that somewhere else."
    )
    return os.EX_OK


def _restore(asked: argparse.Namespace) -> int:
    from bot.clock import SystemClock  # noqa: PLC0415 - see the top
    from bot.store import restore  # noqa: PLC0415 - see the top

    settings = _logged()
    people = restore(settings.database, asked.file, _master(settings), SystemClock())
    _tell(f"{settings.database} is back, with {people} {'person' if people == 1 else 'people'}.")
    return os.EX_OK


def _screen(asked: argparse.Namespace) -> int:
    from bot import safety  # noqa: PLC0415 - see the top

    settings = _settings()
    screener = safety.load(settings.content / settings.language / "safety")
    if asked.text is not None:
        for line in screener.explain(asked.text):
            _tell(line)
        return os.EX_OK
    file: Path = asked.jsonl or asked.report
    if not file.is_file():
        _complain(f"There is no file {file}.")
        return FAILED
    if asked.report is not None:
        text, code = safety.report(file, screener)
        _tell(text)
        return code
    for line in safety.screen_file(file, screener):
        _tell(line)
    return os.EX_OK


def _settings() -> Settings:
    from bot.settings import read_settings  # noqa: PLC0415 - see the top

    return read_settings()


def _logged() -> Settings:
    """Read the settings for a command that touches what people wrote: the log is set up first."""
    from bot import log  # noqa: PLC0415 - see the top

    log.set_up()
    return _settings()


def _serving() -> Settings:
    """Read the settings for a command that goes on until it is stopped."""
    # From here on, not only once the loop runs: as a container's first process Python would not
    # hear SIGTERM at all without a handler. The loop's own replaces it.
    signal.signal(signal.SIGTERM, _stop)
    return _logged()


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _existing() -> Settings:
    """Read the settings for a command that needs a database to be there."""
    from bot.store import is_new  # noqa: PLC0415 - see the top

    settings = _logged()
    if is_new(settings.database):
        raise Misconfigured(f"There is no database at {settings.database} yet.")
    return settings


def _master(settings: Settings) -> MasterKey:
    """Find the master key of a database there already is; never make one."""
    from bot.store import load_master  # noqa: PLC0415 - see the top

    key = settings.master_key
    return load_master(
        env=key.get_secret_value() if key else None,
        file=settings.master_key_file,
        database_is_new=False,
    )


def _library(settings: Settings) -> Library:
    from bot import app  # noqa: PLC0415 - see the top

    return app.library(settings)


def _each(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
