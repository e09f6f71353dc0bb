import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.evaluation.columns import COLUMNS
from portrait_cartoons.evaluation.report import Report, Row, Value
from portrait_cartoons.evaluation.table import Table, header, notes, tabulate
from tests.evaluation.conftest import report


def best_of(table: Table, column: str) -> list[str]:
    return [line.name for line in table.lines if column in line.cells and line.cells[column].best]


def systems(column: str, *values: float) -> Report:
    return Report({}, [Row(f"system {n}", "system", {column: Value(v)}) for n, v in enumerate(values)], "photos")


@given(st.sampled_from(list(COLUMNS)), st.lists(st.integers(0, 9), min_size=2))
def test_the_best_lies_where_the_column_says(column: str, values: list[int]) -> None:
    table = tabulate(systems(column, *(value / COLUMNS[column].factor for value in values)))
    extreme = max(values) if COLUMNS[column].better == "higher" else min(values)
    assert best_of(table, column) == [f"system {n}" for n, value in enumerate(values) if value == extreme]


def test_directions_are_those_of_the_measures() -> None:
    higher = {column for column, description in COLUMNS.items() if description.better == "higher"}
    similar = {f"{family}/{name}" for family in ("content", "cycle", "target") for name in ("psnr", "ssim")}
    assert higher == similar | {"precision", "recall"}


def test_baselines_are_never_the_best_and_stand_below() -> None:
    table = tabulate(report())
    assert best_of(table, "fid") == ["camgan"]
    assert best_of(table, "content/psnr") == ["cyclegan"]
    assert [line.baseline for line in table.lines] == [False, False, False, True, True]


def test_one_system_alone_is_not_the_best() -> None:
    assert best_of(tabulate(report()), "cycle/ssim") == []


def test_values_that_look_alike_are_marked_alike() -> None:
    assert best_of(tabulate(systems("fid", 10.001, 10.002, 10.1)), "fid") == ["system 0", "system 1"]


def test_what_may_be_chance_shares_the_mark_of_the_best() -> None:
    of_three = systems("fid", 10.0, 11.0, 12.0)
    pairs = [("system 0", "system 1"), ("system 1", "system 2")]
    assert best_of(tabulate(replace(of_three, undecided={"fid": pairs})), "fid") == ["system 0", "system 1"]
    assert best_of(tabulate(replace(of_three, undecided={"kid": pairs})), "fid") == ["system 0"]
    # A paper's table may leave out the best of all.
    chosen = tabulate(replace(of_three, undecided={"fid": pairs}), ["fid"], ["system 1", "system 2"])
    assert best_of(chosen, "fid") == ["system 1", "system 2"]


def test_the_kernel_distance_comes_first_where_images_are_few() -> None:
    values = {"fid": Value(40.0), "kid": Value(0.1), "content/psnr": Value(17.0)}
    for photos, first in ((2047, "kid"), (2048, "fid")):
        few = Report({"photos": photos, "cartoons": 9000}, [Row("a", "system", values)], "photos")
        table = tabulate(few)
        assert table.columns[0] == first
        assert table.pictures == f"{photos} photos against 9000 cartoons"
        assert any("fewer than 2048" in sentence for sentence in notes([table], "*")) == (first == "kid")


def test_columns_without_values_are_dropped_and_the_others_keep_their_order() -> None:
    assert tabulate(report()).columns == ["fid", "content/psnr", "cycle/ssim", "parameters"]


def test_a_row_that_is_asked_for_and_missing_is_empty() -> None:
    table = tabulate(report(), ["kid", "fid"], ["cyclegan", "ganilla"], "Table 1")
    assert table.title == "Table 1"
    assert table.columns == ["fid"]
    assert [(line.name, set(line.cells)) for line in table.lines] == [("cyclegan", {"fid"}), ("ganilla", set())]


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("fid", 46.126, "46.13"),
        ("fid", 12345.6, "12,345.60"),
        ("kid", -0.00001, "0.0000"),
        ("parameters", 11_378_179, "11.378"),
        ("content/psnr", math.inf, "∞"),
    ],
)
def test_values_are_written_with_the_columns_decimals(column: str, value: float, text: str) -> None:
    assert tabulate(systems(column, value)).lines[0].cells[column].text == text


def test_intervals_are_written_like_their_values() -> None:
    cells = tabulate(report()).lines[0].cells
    assert cells["fid"].interval == "44.00–48.50"
    assert cells["parameters"].interval == ""


def test_headers_point_to_the_better_values() -> None:
    assert header("fid") == "FID ↓"
    assert header("content/psnr", "\n") == "Content\nPSNR dB ↑"


def test_notes_speak_of_what_is_there() -> None:
    told = " ".join(notes([tabulate(report())], "Bold"))
    for part in ("Bold: the best", "unchanged photo", "Ranges:", "Content:", "Cycle:"):
        assert part in told
    assert "Target:" not in told
    assert "Random" not in told
    assert notes([tabulate(systems("fid", 1.0))], "Bold") == []
    assert "neither FID nor KID" in notes([tabulate(systems("random_fd", 1.0))], "Bold")[0]
