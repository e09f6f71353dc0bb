import pytest

from portrait_cartoons.evaluation import progress
from portrait_cartoons.evaluation.progress import tracked


@pytest.mark.parametrize(("interval", "lines"), [(0.0, ["photos: 33 %", "photos: 66 %", "photos: 100 %"]), (60.0, [])])
def test_without_a_terminal_lines_come_now_and_then(
    interval: float, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", interval)
    assert list(tracked("abc", 3, "photos")) == ["a", "b", "c"]
    assert capsys.readouterr().out.splitlines() == lines
    assert list(tracked("abc", 3, "photos", shown=False)) == ["a", "b", "c"]
    assert capsys.readouterr().out == ""
