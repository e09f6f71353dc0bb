import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portrait_cartoons.evaluation.columns import COLUMNS
from portrait_cartoons.evaluation.files import write
from portrait_cartoons.evaluation.report import Report, ReportError, Row, Value, read, same_protocol
from tests.evaluation.conftest import report

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.floats(allow_nan=False)
NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)
FOLDERS = st.lists(st.from_regex(r"\w+", fullmatch=True), min_size=1, max_size=3).map("/".join)
VALUES = st.builds(Value, NUMBERS) | st.builds(Value, NUMBERS, NUMBERS, NUMBERS)
ROWS = st.builds(
    Row,
    NAMES,
    st.sampled_from(("system", "baseline")),
    st.dictionaries(st.sampled_from(list(COLUMNS)), VALUES),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | FOLDERS,
)
REPORTS = st.builds(
    Report,
    st.dictionaries(NAMES, st.none() | st.booleans() | st.integers() | FINITE | st.text()),
    st.lists(ROWS, max_size=4, unique_by=lambda row: row.name),
    FOLDERS,
    st.none() | FOLDERS,
    st.lists(st.text()),
    st.dictionaries(st.sampled_from(list(COLUMNS)), st.lists(st.tuples(st.text(), st.text()), max_size=2)),
)


@given(REPORTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_any_report_reads_back_as_it_was_written(tmp_path: Path, original: Report) -> None:
    write(original, tmp_path)
    # Unlike ==, texts tell 1 from True and from 1.0.
    assert repr(read(tmp_path / "report.json")) == repr(original)


DAMAGES = {
    "cut off": lambda text: text[: len(text) // 2],
    "no JSON": lambda _: "not a report",
    "nested without end": lambda _: "[" * 100_000,
    "a list": lambda _: "[]",
    "no rows": lambda text: text.replace('"rows"', '"lines"'),
    "an unknown key": lambda text: text.replace('"commands"', '"comands"'),
    "unknown column": lambda text: text.replace('"fid"', '"fib"'),
    "unknown kind": lambda text: text.replace('"baseline"', '"best"'),
    "a text for a number": lambda text: text.replace("46.123456789", '"good"'),
    "NaN": lambda text: text.replace("46.123456789", "NaN"),
    "half an interval": lambda text: text.replace("44.0", "null"),
    "two rows of a name": lambda text: text.replace('"cyclegan"', '"camgan"'),
    "a name that writes to the terminal": lambda text: text.replace('"camgan"', '"\\u001b[2J"'),
    "a key that writes to the terminal": lambda text: text.replace('"split"', '"\\u001b[2J"'),
    "an unfit value under such a key": lambda text: text.replace('"split": "test"', '"\\u001b[2J": []'),
    "a folder elsewhere": lambda text: text.replace("pictures/cyclegan", "../../photos"),
    "a folder from the root": lambda text: text.replace("pictures/photo", "/etc"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_report_is_refused_in_one_sentence_that_names_it(tmp_path: Path, damage: str) -> None:
    write(report(), tmp_path)
    path = tmp_path / "report.json"
    text = path.read_text(encoding="utf-8")
    damaged = DAMAGES[damage](text)
    assert damaged != text
    path.write_text(damaged, encoding="utf-8")
    with pytest.raises(ReportError, match=re.escape(f"{path} is no report")) as error:
        read(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="nowhere"):
        read(tmp_path / "nowhere.json")


def test_values_that_mean_nothing_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="NaN"):
        Value(math.nan)
    with pytest.raises(ValueError, match="NaN"):
        Value(1.0, math.nan, 2.0)


def test_protocols_that_differ_are_told_apart_by_every_key() -> None:
    ours, theirs = report(n=10, size=256).protocol, report(n=20, resize="bicubic").protocol
    with pytest.raises(ReportError) as error:
        same_protocol(ours, theirs, Path("other/report.json"))
    sentence = str(error.value)
    assert "other/report.json" in sentence
    assert "n (20 there, 10 here)" in sentence
    assert "size (nothing there, 256 here)" in sentence
    assert "resize ('bicubic' there, nothing here)" in sentence
    assert "split" not in sentence


def test_one_protocol_in_another_order_is_the_same() -> None:
    same_protocol({"n": 10, "size": None}, {"size": None, "n": 10}, Path("report.json"))


@pytest.mark.parametrize(("ours", "theirs"), [(True, 1), (None, "None"), (1, 1.5)])
def test_values_of_different_meaning_differ(ours: bool | int | None, theirs: float | str) -> None:
    with pytest.raises(ReportError):
        same_protocol({"key": ours}, {"key": theirs}, Path("report.json"))


def test_every_file_is_written_and_nothing_else_is_left(folder: Path) -> None:
    write(report(), folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {"report.json", "report.md", "report.csv", "index.html", "grid.png", "pictures"}


def test_without_pictures_there_is_no_grid_and_none_is_mentioned(tmp_path: Path) -> None:
    write(report(), tmp_path)
    assert not (tmp_path / "grid.png").exists()
    assert "grid.png" not in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_write_that_fails_leaves_the_old_report(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(report(), folder)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(ReportError, match="No space left"):
        write(report(n=1), folder)
    assert read(folder / "report.json") == report()


def test_reading_does_not_wait_for_torch() -> None:
    code = """if True:
        import sys, src, portrait_cartoons.evaluation.report, portrait_cartoons.evaluation.paper
        print({'torch', 'lightning'} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
