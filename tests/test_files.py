import os
import time
from pathlib import Path
from typing import Any

import pytest

from portrait_cartoons.files import atomic, clear, keep, write


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write(file, "old")
    with atomic(file) as stream:
        stream.write(b"new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("failing", ["os.replace", "os.fsync"])
def test_what_was_there_survives_a_failure(failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.txt", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "a.txt", b"new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_what_a_killed_program_left_is_cleared_but_not_what_another_is_writing(tmp_path: Path) -> None:
    abandoned, busy = tmp_path / ".a[1].txt.1.tmp", tmp_path / ".a[1].txt.2.tmp"
    for file in (abandoned, busy):
        file.write_text("half")
    os.utime(abandoned, (time.time() - 7200,) * 2)
    write(tmp_path / "a[1].txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [busy.name, "a[1].txt"]


def test_a_large_folder_is_listed_once_and_not_for_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    listing = os.scandir

    def counted(path: Path) -> Any:
        listed.append(path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", counted)
    for number in range(5):
        write(tmp_path / f"{number}.txt", "content")
    assert len(listed) <= 1
    assert len(os.listdir(tmp_path)) == 5


def test_what_killed_programs_left_is_removed_where_no_other_program_writes(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in (".a.txt.12.tmp", "below/.b.png.3.tmp", "below/.own.tmp", "below/mine.4.tmp"):
        (tmp_path / name).write_text("half")
    clear(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {"below", ".own.tmp", "mine.4.tmp"}


def test_the_longest_names_that_a_file_system_takes_are_written(tmp_path: Path) -> None:
    for name in ("x" * 255, "ö" * 127):
        write(tmp_path / name, "content")
        keep(tmp_path / name, tmp_path / f"{name[:-1]}y")
        assert (tmp_path / f"{name[:-1]}y").read_text() == "content"
    assert len(list(tmp_path.iterdir())) == 4
