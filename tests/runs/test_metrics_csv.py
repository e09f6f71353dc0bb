import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.runs.metrics_csv import MetricsCSV, read_metrics

VALUES = st.floats(allow_nan=False)
ROWS = st.lists(st.dictionaries(st.sampled_from(["train/g", "val/x, y", 'odd"name', "epoch"]), VALUES, min_size=1))


def write(folder: Path, rows: list[dict[str, float]], first_step: int = 0) -> None:
    log = MetricsCSV(folder)
    for step, row in enumerate(rows, first_step):
        for name, value in row.items():
            log.log_metrics({name: value}, step)
            log.save()
    log.finalize("success")


def test_columns_stand_in_order_of_appearance_and_one_step_has_one_row(tmp_path: Path) -> None:
    log = MetricsCSV(tmp_path)
    log.log_metrics({"train/g": 0.1, "epoch": 0}, 1)
    log.save()
    log.log_metrics({"val/psnr": torch.tensor(0.5), "epoch": 0}, 1)
    log.save()
    log.log_metrics({"train/g": 0.25, "epoch": 1}, 3)
    log.finalize("success")
    expected = "step,epoch,train/g,val/psnr\n1,0,0.1,0.5\n3,1,0.25,\n"
    assert (tmp_path / "metrics.csv").read_text() == expected


def test_a_metric_logged_again_for_a_step_takes_its_place(tmp_path: Path) -> None:
    log = MetricsCSV(tmp_path)
    for value in (123.25, 1.5):
        log.log_metrics({"a": value}, 0)
        log.save()
    assert (tmp_path / "metrics.csv").read_text() == "step,epoch,a\n0,,1.5\n"


@given(rows=ROWS)
def test_what_is_logged_is_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("run")
    write(folder, rows)
    assert read_metrics(folder / "metrics.csv") == [{"step": step, **row} for step, row in enumerate(rows)]


@given(rows=ROWS.filter(bool), data=st.data())
def test_a_killed_and_resumed_run_leaves_the_file_of_an_uninterrupted_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list, data: st.DataObject
) -> None:
    whole, parts = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")
    write(whole, rows)
    killed = data.draw(st.integers(0, len(rows)))
    resumed = data.draw(st.integers(0, min(killed, len(rows) - 1)))
    write(parts, rows[:killed])
    write(parts, rows[resumed:], first_step=resumed)
    assert (parts / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_a_resumed_run_that_logs_nothing_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, [{"a": 1.0}, {"a": 2.0}])
    before = (tmp_path / "metrics.csv").read_bytes()
    MetricsCSV(tmp_path).finalize("success")
    assert (tmp_path / "metrics.csv").read_bytes() == before


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_half_written_last_line_is_left_out_and_overwritten(tmp_path: Path, cut: int) -> None:
    rows = [{"a": 1.0}, {"a": 123.25}]
    write(tmp_path, rows)
    path = tmp_path / "metrics.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert read_metrics(path) == [{"step": 0, "a": 1.0}]
    write(tmp_path, rows[1:], first_step=1)
    assert path.read_bytes() == whole


def test_appending_does_not_rewrite_the_file(tmp_path: Path) -> None:
    log = MetricsCSV(tmp_path)
    inodes = set()
    for step in range(5):
        log.log_metrics({"a": step}, step)
        log.save()
        inodes.add((tmp_path / "metrics.csv").stat().st_ino)
    assert len(inodes) == 1
    assert len(read_metrics(tmp_path / "metrics.csv")) == 5


def test_reading_tolerates_what_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    assert read_metrics(path) == []
    path.write_bytes(b"")
    assert read_metrics(path) == []
    path.write_bytes(b"step,epoch,a\n0,,oops\n\x00\xff\n2,1,nan\n")
    first, second = read_metrics(path)
    assert first == {"step": 0}
    assert second["epoch"] == 1
    assert math.isnan(second["a"])
