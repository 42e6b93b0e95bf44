"""Which build this is; what the compiled one does is for `tools/test-compiled`."""

import subprocess
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from typing import Any

import pytest

from cim_common import build


@pytest.mark.parametrize(
    ("loader", "is_compiled"),
    [
        (ExtensionFileLoader("codec", "codec.so"), True),
        (SourceFileLoader("codec", "codec.py"), False),
        (SourcelessFileLoader("codec", "codec.pyc"), False),
    ],
)
def test_what_is_loaded_as_an_extension_is_compiled(
    monkeypatch: pytest.MonkeyPatch, loader: Any, is_compiled: bool
) -> None:
    monkeypatch.setattr(build, "find_spec", lambda name: ModuleSpec(name, loader))
    assert build.compiled() is is_compiled


@pytest.mark.parametrize("folder", [Path(build.__file__).parents[1], None], ids=["checkout", "elsewhere"])
def test_its_programs_are_of_this_build_whatever_the_current_folder_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path | None
) -> None:
    (tmp_path / "cim").mkdir()
    (tmp_path / "cim" / "__main__.py").write_text("print('another')")
    monkeypatch.chdir(folder or tmp_path)
    said = subprocess.run([*build.program("cim"), "version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("cim ")


def test_its_programs_start_where_the_current_folder_has_been_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    said = subprocess.run([*build.program("cim"), "version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("cim ")
