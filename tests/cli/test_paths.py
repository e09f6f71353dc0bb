"""A path that there cannot be is one sentence in every command that takes paths."""

from pathlib import Path

import pytest

from portrait_cartoons.cli.start import start
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded

COMMANDS = [
    "translate ckpt=PATH input=. output=out",
    "translate ckpt=. input=PATH output=out",
    "translate ckpt=. input=. output=PATH",
    "evaluate ckpt=PATH data=toy",
    "gallery PATH",
    "benchmark json=PATH",
    "train resume=PATH",
    "train run_dir=PATH",
    "validate data=folder data.source.photo=PATH data.source.cartoon=.",
    "prepare input=PATH output=out",
    "convert from=PATH output=out.ckpt licence=mine",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("path", ["~nosuchuser/x", "x" * 300])
def test_a_path_that_there_cannot_be_is_one_sentence(
    command: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *arguments = command.replace("PATH", path).split()
    with pytest.raises(SystemExit) as left:
        start(name, arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_a_path_is_read_as_a_shell_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/x") == tmp_path / "x"
    assert expanded("x") == Path("x")
    with pytest.raises(UserError, match="cannot be the path"):
        expanded("x" * 300)
