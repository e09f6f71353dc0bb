from pathlib import Path

import pytest

from portrait_cartoons import cores


@pytest.mark.parametrize(
    ("text", "allowed", "expected"),
    [
        ("max 100000", 8, 8),
        ("400000 100000", 8, 4),
        ("50000 100000", 8, 1),
        ("1600000 100000", 8, 8),
        ("400000", 8, 8),
        ("100000 0", 3, 3),
        (None, 3, 3),
    ],
)
def test_a_container_may_pay_for_fewer_processors_than_the_system_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, allowed: int, expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    if text:
        (tmp_path / "cpu.max").write_text(f"{text}\n")
    assert cores.cores() == expected
