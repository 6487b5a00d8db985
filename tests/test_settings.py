"""Settings: what is read, what is refused, and that the example file tells the truth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.errors import Misconfigured
from bot.settings import Settings, read_settings, variable

EXAMPLE = Path(__file__).parent.parent / ".env.example"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what the machine happens to have set out of these tests."""
    for name in os.environ:
        if name.upper().startswith("BOT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_nothing_has_to_be_set() -> None:
    settings = read_settings()
    assert settings.token is None
    assert settings.api_url == "https://api.telegram.org"
    assert settings.database == Path("data/bot.db")
    assert settings.mode == "polling"
    assert settings.listen == "127.0.0.1:8080"
    assert settings.content == EXAMPLE.parent / "content"
    assert settings.language == "en"
    assert settings.allowed_ids == frozenset()
    assert settings.bulk_rate == 25


def test_the_key_does_not_lie_with_the_data() -> None:
    settings = read_settings()
    assert not settings.master_key_file.is_relative_to(settings.database.parent)


def test_the_heartbeat_is_beside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", "sqlite:////data/bot.db")
    assert read_settings().heartbeat == Path("/data/bot.alive")


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("BOT_LANGUAGE=de\nBOT_OPERATOR=Kim\n", encoding="utf-8")
    monkeypatch.setenv("BOT_LANGUAGE", "fr")
    settings = read_settings()
    assert (settings.language, settings.operator) == ("fr", "Kim")


def test_other_names_in_the_file_are_left_alone() -> None:
    Path(".env").write_text("COMPOSE_PROJECT_NAME=x\nBOT_PICTURE=y\n", encoding="utf-8")
    assert read_settings().token is None


@pytest.mark.parametrize("blank", ["", "   "])
def test_blank_counts_as_unset(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(variable(name), blank)
    assert read_settings() == Settings()


def test_space_around_a_value_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # A token pasted from a file of another system ends with a carriage return.
    monkeypatch.setenv("BOT_TOKEN", " 123:abc\r\n")
    token = read_settings().token
    assert token is not None
    assert token.get_secret_value() == "123:abc"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/bot.db", "data/bot.db"),
        ("sqlite:////data/bot.db", "/data/bot.db"),
        ("sqlite:///my data/a%20b.db", "my data/a%20b.db"),
    ],
)
def test_a_database_url_is_a_path(monkeypatch: pytest.MonkeyPatch, url: str, path: str) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", url)
    assert read_settings().database == Path(path)


def test_allowed_ids_have_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_ALLOWED_IDS", "5000000001, 7,")
    assert read_settings().allowed_ids == {5000000001, 7}


def test_an_api_server_may_have_a_path_and_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_API_URL", "http://127.0.0.1:8081/telegram/")
    assert read_settings().api_url == "http://127.0.0.1:8081/telegram"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_TOKEN", "s3cret"),
        ("BOT_TOKEN", "1:s3cret/../x"),
        ("BOT_API_URL", "s3cret.example"),
        ("BOT_API_URL", "ftp://s3cret"),
        ("BOT_DATABASE_URL", "s3cret"),
        ("BOT_DATABASE_URL", "sqlite://"),
        ("BOT_DATABASE_URL", "sqlite:///:memory:"),
        ("BOT_DATABASE_URL", "postgresql://me:s3cret@host/bot"),
        ("BOT_DATABASE_URL", "postgresql+psycopg://me:s3cret@host/bot"),
        ("BOT_MODE", "s3cret"),
        ("BOT_WEBHOOK_URL", "s3cret"),
        ("BOT_WEBHOOK_SECRET", "s3cret with spaces"),
        ("BOT_LISTEN", "s3cret"),
        ("BOT_LISTEN", "127.0.0.1:99999"),
        ("BOT_LANGUAGE", "../s3cret"),
        ("BOT_OPERATOR", "s3cret" * 100),
        ("BOT_ALLOWED_IDS", "1,s3cret"),
        ("BOT_ALLOWED_IDS", "1;2"),
        ("BOT_BULK_RATE", "s3cret"),
        ("BOT_BULK_RATE", "0"),
        ("BOT_BULK_RATE", "nan"),
    ],
)
def test_what_does_not_fit_is_one_plain_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        read_settings()
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "s3cret" not in sentence
    # Nothing behind it either: whoever prints the whole chain must not find the value there.
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_postgres_is_not_built_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", "postgresql://host/bot")
    with pytest.raises(Misconfigured, match="not built yet"):
        read_settings()


@pytest.mark.parametrize("missing", ["BOT_WEBHOOK_URL", "BOT_WEBHOOK_SECRET"])
def test_a_webhook_needs_an_address_and_a_secret(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv("BOT_MODE", "webhook")
    monkeypatch.setenv("BOT_WEBHOOK_URL", "https://example.org/telegram")
    monkeypatch.setenv("BOT_WEBHOOK_SECRET", "abc")
    assert read_settings().mode == "webhook"
    monkeypatch.delenv(missing)
    with pytest.raises(Misconfigured, match=missing):
        read_settings()


def test_a_slip_in_a_name_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ignored, this one would open the bot to everyone.
    monkeypatch.setenv("BOT_ALLOWED_ID", "7")
    with pytest.raises(Misconfigured, match="meant to be BOT_ALLOWED_IDS"):
        read_settings()
    monkeypatch.delenv("BOT_ALLOWED_ID")
    Path(".env").write_text("BOT_TOKN=1:x\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match="meant to be BOT_TOKEN"):
        read_settings()


def test_a_file_that_is_no_text_is_said_so() -> None:
    Path(".env").write_bytes(b"BOT_OPERATOR=\xff\xfe\n")
    with pytest.raises(Misconfigured, match=r"\.env cannot be read"):
        read_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKEN", "1:s3cret")
    monkeypatch.setenv("BOT_MASTER_KEY", "s3cret")
    monkeypatch.setenv("BOT_WEBHOOK_SECRET", "s3cret")
    assert "s3cret" not in f"{read_settings()!r} {read_settings()}"


def _example() -> dict[str, tuple[str, bool]]:
    """Return each setting of the example file: its value, and whether it stands as a default."""
    found: dict[str, tuple[str, bool]] = {}
    blocks = EXAMPLE.read_text(encoding="utf-8").strip().split("\n\n")
    for comment, line in (block.split("\n") for block in blocks[1:]):
        assert comment.startswith("# "), comment
        assert comment.endswith("."), comment
        name, _, value = line.removeprefix("#").partition("=")
        found[name] = (value, line.startswith("#"))
    return found


def test_the_example_names_every_setting_in_order() -> None:
    assert list(_example()) == [variable(name) for name in Settings.model_fields]


def test_the_example_gives_the_defaults() -> None:
    example = _example()
    for name, field in Settings.model_fields.items():
        value, default = example[variable(name)]
        if default:
            assert value == str(field.default)
        else:
            assert not value, f"{name}: a copied file must set nothing by itself"


def test_the_example_copied_changes_nothing() -> None:
    Path(".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert read_settings() == Settings()


def test_the_example_with_every_default_spoken_out_changes_nothing() -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("#BOT_", "BOT_")
    Path(".env").write_text(text.split("\n", 1)[1], encoding="utf-8")
    assert read_settings() == Settings()
