import io
from typing import Any

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from portrait_cartoons.cli.config import CONF
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.paper import paper
from portrait_cartoons.evaluation.report import Report, Row, Value
from portrait_cartoons.evaluation.table import paper_tables
from portrait_cartoons.evaluation.text import show_tables, tables_markdown

SIZES = {"CycleGAN": 11_378_179, "GANILLA": 7_228_419, "CAMGAN": 7_228_437}


def camgan() -> dict[str, Any]:
    config = OmegaConf.to_container(OmegaConf.load(CONF / "report" / "camgan_tables.yaml"))
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def evaluated(*names: str) -> Report:
    rows = [
        Row(name, "system", {"fid": Value(50.0 - n), "content/psnr": Value(17.0 + n), "parameters": Value(SIZES[name])})
        for n, name in enumerate(names)
    ]
    return Report(
        {}, [*rows, Row("photo set", "baseline", {"fid": Value(1.0)})], "pictures/photo", paper=paper(camgan())
    )


def test_camgans_tables_have_its_rows_and_two_named_families() -> None:
    assert tables_markdown(paper_tables(evaluated(*SIZES))).splitlines()[:16] == [
        "**Table 1: quality**",
        "",
        "|  | FID ↓ | Content PSNR dB ↑ |",
        "| --- | ---: | ---: |",
        "| CycleGAN | 50.00 | 17.00 |",
        "| GANILLA | 49.00 | 18.00 |",
        "| CAMGAN | **48.00** | **19.00** |",
        "",
        "**Table 2: size**",
        "",
        "|  | Generator parameters M ↓ |",
        "| --- | ---: |",
        "| CycleGAN | 11.378 |",
        "| GANILLA | **7.228** |",
        "| CAMGAN | **7.228** |",
        "",
    ]
    asked = {column for table in paper(camgan()).tables for column in table.columns}
    assert {f"{family}/{name}" for family in ("content", "cycle") for name in ("psnr", "ssim", "mse")} <= asked


def test_a_missing_system_leaves_its_row_empty() -> None:
    first, second = paper_tables(evaluated("CAMGAN"))
    for table in (first, second):
        assert [bool(line.cells) for line in table.lines] == [False, False, True]


def test_the_terminal_shows_both_tables() -> None:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    show_tables(paper_tables(evaluated(*SIZES)), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("Table 1: quality", "Table 2: size", "11.378", "48.00*"):
        assert part in text


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"tables": [{"title": "x", "columns": ["psnr"]}]}, "report.tables.0"),
        ({"tables": 1}, "report.tables"),
        ({"experiment": {}}, "report.experiment"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=key):
        paper(camgan() | change)
