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


@pytest.mark.parametrize(
    ("load", "allowed", "machine", "expected"),
    [(0.4, 4, 4, None), (1.2, 4, 4, 3), (9.0, 4, 4, 1), (1.0, 1, 1, None), (9.0, 2, 64, None)],
)
def test_fewer_threads_where_others_keep_processors_of_a_machine_of_our_own_busy(
    monkeypatch: pytest.MonkeyPatch, load: float, allowed: int, machine: int, expected: int | None
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: machine)
    monkeypatch.setattr(cores, "cores", lambda: allowed)
    assert cores.threads_beside_others() == expected
