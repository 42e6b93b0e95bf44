"""The data folder: lock, secrets, engine."""

import stat
from pathlib import Path

import pytest

from cim.data_folder import DataFolder, FolderError, read_secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_secrets_are_made_once_and_are_private(path: Path) -> None:
    folder = DataFolder(path)
    file = folder.secret_file("secret")
    secret = read_secret(file)
    assert len(secret) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_secret(folder.secret_file("secret")) == secret
    assert read_secret(folder.secret_file("other")) != secret
    folder.close()


def test_a_second_start_is_refused_in_one_sentence(path: Path) -> None:
    folder = DataFolder(path)
    with pytest.raises(
        FolderError, match=r"^A cluster with the data folder .* is running already \(process \d+\): [^\n]*\.$"
    ):
        DataFolder(path)
    folder.close()
    DataFolder(path).close()


@pytest.mark.parametrize(
    "found", ['{"engine": "redis", "version": 7}', '{"engine": "valkey", "version": 99}', "garbage"]
)
def test_data_of_another_engine_is_refused(path: Path, found: str) -> None:
    folder = DataFolder(path)
    folder.check_engine("valkey", 9)
    folder.check_engine("valkey", 9)
    (path / "engine.json").write_text(found)
    with pytest.raises(FolderError, match="cannot read"):
        folder.check_engine("valkey", 9)
    folder.close()


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="choose another with --data"):
        DataFolder(tmp_path / "file")


def test_bad_secret_files(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be read"):
        read_secret(tmp_path / "none")
    short = tmp_path / "short"
    short.touch(mode=0o600)
    short.write_text("short")
    with pytest.raises(FolderError, match="shorter"):
        read_secret(short)
    short.write_text("x" * 64)
    short.chmod(0o644)
    with pytest.raises(FolderError, match="chmod 600"):
        read_secret(short)
