"""Which build this is; what the compiled one does is for `tools/test-compiled`."""

import subprocess
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from cim_common import build


@pytest.mark.parametrize(
    ("origin", "is_compiled"),
    [("site/codec.py", False), ("site/codec.cpython-311-x86_64-linux-gnu.so", True), (None, False)],
)
def test_a_module_that_is_no_python_is_compiled(
    monkeypatch: pytest.MonkeyPatch, origin: str | None, is_compiled: bool
) -> None:
    monkeypatch.setattr(build, "find_spec", lambda name: ModuleSpec(name, None, origin=origin))
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
