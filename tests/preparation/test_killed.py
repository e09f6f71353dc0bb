"""What is killed anywhere and started again makes what an uninterrupted run makes, to the last byte."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from portrait_cartoons.preparation import download as downloading
from tests.preparation.killed import calls, killed
from tests.preparation.pictures import contents, prepare, write_pictures
from tests.preparation.test_download import offered, packed
from tests.server import serving


def assert_kills_leave_no_trace(
    run: Callable[[Path], object], folder: Path, begin: Callable[[Path], object] = Path.mkdir
) -> None:
    """`run` writes to the folder that it is given, which `begin` has made. It is killed twice, then left alone."""
    for name in ("first", "whole"):  # the first run imports what it needs, which the others find there
        begin(folder / name)
        whole = calls(partial(run, folder / name))
    expected = contents(folder / "whole")
    kills = 0
    for number in range(3):
        output = folder / f"killed-{number}"
        begin(output)
        points = np.random.default_rng().integers(1, whole, 2).tolist()  # other ones every time
        kills += sum(killed(partial(run, output), point) for point in points)
        run(output)
        assert contents(output) == expected, points
    assert kills >= 2


def test_preparing(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(8))
    options = f"input={tmp_path}/in", "make=cartoons,outlines", "val=0.3", "test=0.3"
    assert_kills_leave_no_trace(lambda output: prepare(*options, f"output={output}"), tmp_path)


def test_packing(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(12))
    options = f"input={tmp_path}/in", "make=cartoons", "val=0.3", "test=0.3"
    prepare(*options, f"output={tmp_path}/set")
    assert_kills_leave_no_trace(
        lambda output: prepare(*options, f"output={output}", "shards=true"),
        tmp_path,
        begin=partial(shutil.copytree, tmp_path / "set"),
    )


def test_downloading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "_BLOCK", 1000)
    with serving(tmp_path) as server:
        archive = offered(server, packed(tmp_path))
        assert_kills_leave_no_trace(partial(downloading.download, archive), tmp_path)
