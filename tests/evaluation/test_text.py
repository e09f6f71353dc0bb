import csv
import io
import math

import pytest
from rich.console import Console
from rich.text import Text

from portrait_cartoons.evaluation.columns import COLUMNS
from portrait_cartoons.evaluation.report import Report, Row, Value
from portrait_cartoons.evaluation.table import tabulate
from portrait_cartoons.evaluation.text import report_csv, report_markdown, show_tables
from tests.evaluation.conftest import HOSTILE, report


def shown(report: Report, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show_tables([tabulate(report)], console)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_markdown_marks_the_best_and_shows_intervals() -> None:
    lines = report_markdown(report(), "grid.png").splitlines()
    assert "|  | FID ↓ | Content PSNR dB ↑ | Cycle SSIM ↑ | Generator parameters M ↓ |" in lines
    assert "| camgan | **46.12** (44.00–48.50) | 17.00 | 0.850 | 7.228 |" in lines
    assert "| unchanged photo | 5.00 | ∞ | – | – |" in lines
    assert "| n | 30 |" in lines
    assert any("](grid.png)" in line for line in lines)
    assert "    python -m src.evaluate ckpt='runs/*' data=toy" in lines


def test_markdown_takes_names_as_text() -> None:
    made_up = Report({}, [Row("a|b *c* <i> _d_ e_f", "system", {"fid": Value(1)}, HOSTILE)], "photos")
    text = report_markdown(made_up, None)
    assert r"| a\|b \*c\* \<i\> \_d\_ e_f | 1.00 |" in text
    assert "<script>" not in text


def test_csv_keeps_full_precision() -> None:
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(report_csv(report())))}
    assert set(rows) == {row.name for row in report().rows}
    assert float(rows["camgan"]["fid"]) == 46.123456789
    assert (rows["camgan"]["fid_low"], rows["camgan"]["fid_high"]) == ("44.0", "48.5")
    assert rows["camgan"]["sha256"] == "ab" * 32
    assert rows["cyclegan"]["fid_low"] == rows["cyclegan"]["cycle/ssim"] == ""
    assert float(rows["unchanged photo"]["content/psnr"]) == math.inf
    assert rows["unchanged photo"]["kind"] == "baseline"
    assert not {"kid", "cycle/ssim_low"} & set(rows["camgan"])


@pytest.mark.parametrize("width", [30, 40, 80, 300])
def test_any_terminal_shows_every_value_whole(width: int) -> None:
    values = {
        column: Value(1.23456 / description.factor, 1.0 / description.factor, 1.5 / description.factor)
        for column, description in COLUMNS.items()
    }
    made_up = Report({}, [Row("camgan", "system", values), Row("cyclegan " * 5, "system", values)], "photos")
    lines = shown(made_up, width)
    assert max(Text(line).cell_len for line in lines) <= width
    text = " ".join(" ".join(lines).split())
    for description in COLUMNS.values():
        assert description.title.split(" ", 1)[-1] in text
        assert f"{1.23456:.{description.decimals}f}*" in text
        assert f"{1:.{description.decimals}f}–{1.5:.{description.decimals}f}" in text


def test_a_wide_terminal_shows_one_table_and_a_narrow_one_several() -> None:
    assert [sum("camgan" in line for line in shown(report(), width)) for width in (200, 40)] == [1, 4]


def test_names_are_no_markup_on_the_terminal() -> None:
    made_up = Report({}, [Row("[red]x[/nothing]", "system", {"fid": Value(1)})], "photos")
    assert any("[red]x[/nothing]" in line for line in shown(made_up, 80))
