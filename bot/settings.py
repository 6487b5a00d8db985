"""What the operator sets: read from the environment and `.env`, checked once, at the start."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from bot.errors import Misconfigured

PREFIX = "BOT_"
ENV_FILE = Path(".env")
_SQLITE = "sqlite:///"
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]+")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PORTS = range(1, 65536)


class Settings(BaseSettings):
    """Every setting there is; each one's description says what it takes, and so do the errors."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    token: SecretStr | None = Field(
        None,
        description="takes the token that @BotFather gives: digits, a colon, "
        "then letters, digits, hyphens and underscores",
    )
    api_url: str = Field(
        "https://api.telegram.org",
        description="takes the root of a Bot API server, such as https://api.telegram.org",
    )
    database_url: str = Field(
        "sqlite:///data/bot.db",
        description="takes sqlite:///PATH, such as sqlite:///data/bot.db, "
        "or four slashes for an absolute path",
    )
    master_key: SecretStr | None = Field(
        None, description="takes the key that `python -m bot keys new` prints"
    )
    # Beside data/, not in it: whoever copies or steals the data folder must not get the key.
    master_key_file: Path = Field(
        Path("keys/master.key"), description="takes the path of the file that holds the key"
    )
    mode: Literal["polling", "webhook"] = Field(
        "polling", description="takes one of two words: polling or webhook"
    )
    webhook_url: str | None = Field(
        None,
        description="takes the full address Telegram reaches this bot at, "
        "such as https://example.org/telegram",
    )
    webhook_secret: SecretStr | None = Field(
        None, description="takes 1 to 256 letters, digits, hyphens and underscores"
    )
    listen: str = Field(
        "127.0.0.1:8080", description="takes a host and a port, such as 127.0.0.1:8080"
    )
    content: Path = Field(
        Path(__file__).resolve().parent.parent / "content",
        description="takes the path of a content folder",
    )
    language: str = Field(
        "en",
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$",
        description="takes the name of a folder inside the content folder, such as en",
    )
    operator: str | None = Field(
        None, max_length=200, description="takes a name of up to 200 characters"
    )
    allowed_ids: Annotated[frozenset[int], NoDecode] = Field(
        frozenset(),
        description="takes Telegram ids: numbers with commas between, such as 123456,234567",
    )
    bulk_rate: float = Field(
        25, gt=0, le=1000, description="takes a number above 0 and up to 1000: messages a second"
    )

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take a blank for unset, and the space around a value for no part of it."""
        trimmed = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
        }
        return {name: value for name, value in trimmed.items() if value != ""}

    @field_validator("token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        # It becomes part of an address: nothing in it may lead elsewhere.
        return _fits(value, _TOKEN)

    @field_validator("webhook_secret")
    @classmethod
    def _secret(cls, value: SecretStr | None) -> SecretStr | None:
        return _fits(value, _WEBHOOK_SECRET)

    @field_validator("api_url", "webhook_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or " " in value:
            raise ValueError
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if re.match(r"postgres(ql)?(\+\w+)?://", value):
            raise Misconfigured(
                "BOT_DATABASE_URL names PostgreSQL, which is not built yet: "
                "sqlite:///data/bot.db works."
            )
        path = value.removeprefix(_SQLITE)
        if path == value or path.endswith("/") or path in {"", ":memory:"}:
            raise ValueError
        return value

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
            raise ValueError
        return value

    @field_validator("allowed_ids", mode="before")
    @classmethod
    def _ids(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _webhook_is_whole(self) -> Self:
        if self.mode == "webhook":
            for name in ("webhook_url", "webhook_secret"):
                if getattr(self, name) is None:
                    raise Misconfigured(f"BOT_MODE is webhook, so it needs one more: {_say(name)}")
        return self

    @property
    def database(self) -> Path:
        """The database file; a relative path counts from the folder the bot is started in."""
        return Path(self.database_url.removeprefix(_SQLITE))

    @property
    def heartbeat(self) -> Path:
        """The file the running bot touches, so that a health check can see it is alive.

        Beside the database: that folder is its own, so two bots do not share one, and nobody else
        can put a link in its place as they could in a folder for temporary files.
        """
        return self.database.with_name("bot.alive")


def read_settings(env_file: Path = ENV_FILE) -> Settings:
    """Read the settings; one sentence for the operator, as Misconfigured, when one does not fit."""
    try:
        file = DotEnvSettingsSource(Settings, env_file=env_file)
        _spelled([*os.environ, *file.env_vars])
        return Settings(_env_file=env_file)
    except ValidationError as error:
        # One at a time, and from None: pydantic's own text would show what was typed.
        raise Misconfigured(_say(str(error.errors()[0]["loc"][0]))) from None
    except (OSError, UnicodeDecodeError) as trouble:
        raise Misconfigured(
            f"The file {env_file} cannot be read: it must be text in UTF-8 that the bot may open."
        ) from trouble


def variable(name: str) -> str:
    """Return the environment's name of a setting."""
    return PREFIX + name.upper()


def _say(name: str) -> str:
    return f"{variable(name)} {Settings.model_fields[name].description}."


def _fits(value: SecretStr | None, pattern: re.Pattern[str]) -> SecretStr | None:
    if value is not None and not pattern.fullmatch(value.get_secret_value()):
        raise ValueError
    return value


def _spelled(found: Iterable[str]) -> None:
    # A slip in BOT_ALLOWED_IDS would quietly open the bot to everyone. Other programs may have
    # BOT_ names of their own, so only what comes close is refused.
    known = {variable(name) for name in Settings.model_fields}
    for name in sorted({name.upper() for name in found} - known):
        if name.startswith(PREFIX) and (meant := difflib.get_close_matches(name, known, 1, 0.85)):
            raise Misconfigured(f"{name} is no setting of this bot; is it meant to be {meant[0]}?")
