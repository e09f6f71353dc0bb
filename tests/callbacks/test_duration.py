from types import SimpleNamespace
from typing import Any

import pytest

from portrait_cartoons.callbacks import duration
from portrait_cartoons.callbacks.duration import Duration, in_words


def train(monkeypatch: pytest.MonkeyPatch, batches: int, pace: float, **trainer: Any) -> None:
    """Batches of `pace` seconds each, by a clock of the test's own."""
    now = iter(n * pace for n in range(batches))
    monkeypatch.setattr(duration, "monotonic", lambda: next(now))
    callback = Duration()
    known: Any = SimpleNamespace(is_global_zero=True, current_epoch=0, num_training_batches=1000, max_epochs=200)
    known.__dict__.update(trainer)
    for n in range(batches):
        callback.on_train_batch_end(known, Any, None, None, n)  # type: ignore[arg-type]


def test_the_duration_is_said_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    train(monkeypatch, 100, 0.2)
    printed = capsys.readouterr()
    assert printed.out == "about 11 h of training to go, for 200 epochs in all\n"
    assert printed.err == ""


def test_more_than_a_day_is_warned_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    train(monkeypatch, 20, 2.0)
    printed = capsys.readouterr()
    assert "about 5 days" in printed.out
    assert printed.err.startswith("warning: this training takes about 5 days;")


def test_what_is_left_of_a_resumed_run_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(monkeypatch, 20, 2.0, current_epoch=190)
    assert "about 6 h" in capsys.readouterr().out


def test_a_short_training_needs_no_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    train(monkeypatch, 200, 0.2, max_epochs=1, num_training_batches=200)
    train(monkeypatch, 5, 0.2)
    train(monkeypatch, 100, 0.2, is_global_zero=False)
    assert capsys.readouterr() == ("", "")


def test_durations_in_words() -> None:
    assert [in_words(s) for s in (10, 150, 7300, 90_000, 200_000)] == ["1 min", "2 min", "2 h", "25 h", "2 days"]
