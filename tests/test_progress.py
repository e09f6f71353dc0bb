import sys

import pytest

from portrait_cartoons import progress
from portrait_cartoons.progress import tracked


@pytest.mark.parametrize(
    ("interval", "lines"), [(0.0, ["photos: 1 of 3", "photos: 2 of 3", "photos: 3 of 3"]), (60.0, [])]
)
def test_without_a_terminal_lines_come_now_and_then(
    interval: float, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", interval)
    assert list(tracked("abc", 3, "photos")) == ["a", "b", "c"]
    assert capsys.readouterr().out.splitlines() == lines
    assert list(tracked("abc", 3, "photos", shown=False)) == ["a", "b", "c"]
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert list(tracked("abc", 3, "[photos]")) == ["a", "b", "c"]
    printed = capsys.readouterr().out
    assert "[photos]" in printed
    assert "3/3" in printed


def test_only_the_first_of_several_processes_speaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    for rank, lines in (("0", 3), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        assert list(tracked("abc", 3, "photos")) == ["a", "b", "c"]
        assert len(capsys.readouterr().out.splitlines()) == lines
