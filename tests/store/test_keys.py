"""The master key is found or made, and a mistake with it ends in one sentence."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bot.errors import Misconfigured
from bot.store import load_master, new_key


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_missing_file_is_made_for_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "master.key"
    made = load_master(env=None, file=path, database_is_new=True)
    assert mode(path) == 0o600
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert load_master(env=None, file=path, database_is_new=False) == made


def test_a_missing_file_is_not_made_for_an_old_database(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with pytest.raises(Misconfigured, match=str(path)):
        load_master(env=None, file=path, database_is_new=False)
    assert not path.exists()


def test_the_environment_goes_first(tmp_path: Path) -> None:
    key = new_key()
    master = load_master(env=key, file=tmp_path / "master.key", database_is_new=True)
    assert master.text == key
    assert master.file is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_may_be_written_in_either_alphabet(write: object) -> None:
    secret = b"\xff\xfe" * 16
    text = write(secret).decode()  # type: ignore[operator]
    for spelled in (text, text.rstrip("="), f"  {text}\n"):
        assert load_master(env=spelled, file=None, database_is_new=False).secret == secret


@pytest.mark.parametrize("text", ["x", "hunter2", "é" * 43, "A" * 42, "A" * 44, "!" * 43, "{}"])
def test_a_malformed_key_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match="BOT_MASTER_KEY does not hold a master key"):
        load_master(env=text, file=None, database_is_new=True)
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="does not hold a master key") as caught:
        load_master(env=None, file=path, database_is_new=True)
    if len(text) > 2:
        assert text not in str(caught.value)


def test_an_empty_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.touch(0o600)
    with pytest.raises(Misconfigured, match="does not hold"):
        load_master(env=None, file=path, database_is_new=True)


def test_a_file_others_can_read_is_only_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "master.key"
    key = new_key()
    path.write_text(key)
    path.chmod(0o640)
    assert load_master(env=None, file=path, database_is_new=False).text == key
    assert "can be read by others" in caplog.text
    assert key not in caplog.text


def test_a_place_that_cannot_be_written_is_named() -> None:
    path = Path("/proc/no-such-place/master.key")
    with pytest.raises(Misconfigured, match="cannot be written"):
        load_master(env=None, file=path, database_is_new=True)


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_master(env=None, file=tmp_path, database_is_new=True)


def test_no_key_at_all_says_what_to_set() -> None:
    with pytest.raises(Misconfigured, match="BOT_MASTER_KEY_FILE"):
        load_master(env="", file=None, database_is_new=True)


def test_a_key_does_not_show_itself() -> None:
    master = load_master(env=new_key(), file=None, database_is_new=True)
    assert master.text not in repr(master)
    assert repr(master.secret) not in repr(master)
    assert len({new_key() for _ in range(100)}) == 100
