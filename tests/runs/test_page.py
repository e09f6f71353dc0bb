import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons import gallery
from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.page import write_gallery

HOSTILE = '</script><script>alert("x")</script><!--'


class Parts(HTMLParser):
    """The elements of a page by name, with the text of each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.links: list[str | None] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts.setdefault(tag, []).append("")
        self.links += [value for name, value in attrs if name in ("src", "href")]
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data


def parts_of(run: Path) -> Parts:
    return Parts(write_gallery(run).read_text(encoding="utf-8"))


def data_of(run: Path) -> dict[str, Any]:
    return json.loads(parts_of(run).texts["script"][0])


def charts_of(run: Path) -> dict[str, dict[str, Any]]:
    return {chart["metric"]: chart for group in data_of(run)["groups"] for chart in group["charts"]}


def add_samples(run: Path, count: int) -> None:
    (run / "samples").mkdir()
    for epoch in range(count):
        Image.new("RGB", (8, 8), (epoch, 0, 0)).save(run / "samples" / f"epoch_{epoch:04d}.png")


def test_an_empty_run_folder_has_a_page(tmp_path: Path) -> None:
    assert data_of(tmp_path) == {"frames": [], "groups": []}
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    add_samples(tmp_path, 2)
    assert parts_of(tmp_path).links == []
    assert all(f["image"].startswith("data:image/webp;base64,") for f in data_of(tmp_path)["frames"])


def test_names_and_configuration_are_text_and_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "<img src=x>"
    run.mkdir()
    (run / "config.yaml").write_text(f"note: {HOSTILE} $name\n")
    (run / "metrics.csv").write_text('step,"val/' + HOSTILE.replace('"', '""') + '"\n1,2.0\n')
    plain = tmp_path / "plain"
    plain.mkdir()
    parts, expected = parts_of(run), parts_of(plain)
    assert len(parts.texts["script"]) == len(expected.texts["script"]) == 2
    assert parts.texts["script"][1] == expected.texts["script"][1]
    assert len(parts.texts["img"]) == len(expected.texts["img"])
    assert parts.texts["pre"] == [f"note: {HOSTILE} $name\n"]
    assert parts.texts["h1"] == [f"{tmp_path.name}/<img src=x>"]
    assert HOSTILE in parts.texts["th"]
    assert json.loads(parts.texts["script"][0])["groups"][0]["charts"][0]["name"] == HOSTILE


@pytest.mark.parametrize("count", [1, 2, 60, 61, 150])
def test_at_most_about_sixty_epochs_are_embedded_with_the_first_and_the_last(tmp_path: Path, count: int) -> None:
    add_samples(tmp_path, count)
    epochs = [frame["epoch"] for frame in data_of(tmp_path)["frames"]]
    assert epochs[0] == 0
    assert epochs[-1] == count - 1
    assert min(count, 30) <= len(epochs) <= 61
    assert len(set(np.diff(epochs[:-1]))) <= 1


def test_an_unreadable_sample_is_left_out(tmp_path: Path) -> None:
    add_samples(tmp_path, 3)
    (tmp_path / "samples/epoch_0001.png").write_bytes(b"\x89PNG half a file")
    (tmp_path / "samples/epoch_last.png").write_bytes(b"")
    assert [frame["epoch"] for frame in data_of(tmp_path)["frames"]] == [0, 2]


def test_a_sample_written_anew_replaces_the_embedded_one(tmp_path: Path) -> None:
    add_samples(tmp_path, 1)
    before = data_of(tmp_path)["frames"][0]["image"]
    path = tmp_path / "samples/epoch_0000.png"
    Image.new("RGB", (8, 8), "white").save(path)
    assert data_of(tmp_path)["frames"][0]["image"] != before


def test_curves_are_grouped_and_carry_the_baseline_of_the_unchanged_photo(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(
        "step,epoch,train/g/cycle,val/target/psnr,baseline/target/psnr,baseline/alone,lr\n"
        "1,0,0.5,,,,0.1\n2,0,0.25,15.5,14.25,3.0,0.1\n"
    )
    charts = charts_of(tmp_path)
    assert list(charts) == ["val/target/psnr", "train/g/cycle", "lr", "baseline/alone"]
    assert charts["val/target/psnr"]["baseline"] == 14.25
    assert charts["train/g/cycle"]["baseline"] is None
    assert (charts["train/g/cycle"]["x"], charts["train/g/cycle"]["y"]) == ([1, 2], [0.5, 0.25])
    assert parts_of(tmp_path).texts["td"] == ["15.5", "15.5", "14.25"]


def test_samples_know_the_last_step_of_their_epoch(tmp_path: Path) -> None:
    add_samples(tmp_path, 3)
    (tmp_path / "metrics.csv").write_text("step,epoch,a\n3,0,1\n7,0,1\n9,1,1\n")
    assert [frame["step"] for frame in data_of(tmp_path)["frames"]] == [0, 7, 9]


def test_values_that_are_not_finite_are_counted_and_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,a,val/b,baseline/b\n1,0,nan,nan,nan\n2,0,inf,2,\n3,0,4,,\n")
    charts = charts_of(tmp_path)
    assert (charts["a"]["x"], charts["a"]["y"], charts["a"]["invalid"]) == ([3], [4], 2)
    assert charts["val/b"]["baseline"] is None


def test_a_long_curve_keeps_its_extremes_and_its_mean(tmp_path: Path) -> None:
    values = np.arange(1000) % 7
    (tmp_path / "metrics.csv").write_text("step,a\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values)))
    chart = charts_of(tmp_path)["a"]
    assert len(chart["x"]) == len(chart["y"]) == len(chart["low"]) == len(chart["high"]) <= 400
    assert chart["x"][-1] == 999
    assert (min(chart["low"]), max(chart["high"])) == (0, 6)
    assert np.mean(chart["y"]) == pytest.approx(values.mean(), abs=1e-3)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        write_gallery(tmp_path / "nowhere")


def test_the_command_prints_the_page(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "config.yaml").touch()
    gallery.main([str(tmp_path)])
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "index.html"


@pytest.mark.parametrize("argument", ["--help", "nowhere"])
def test_help_and_errors_do_not_wait_for_lightning(argument: str) -> None:
    code = """if True:
        import sys, src
        from portrait_cartoons.cli.start import start
        try: start("gallery")
        finally: print(*{'lightning', 'torch'} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=False)
    assert not re.search(r"^(lightning|torch)", done.stdout, re.MULTILINE)
    assert done.returncode == (0 if argument == "--help" else 2)


def test_a_missing_run_folder_ends_the_command_with_one_sentence() -> None:
    command = [sys.executable, "-m", "src.gallery", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no folder nowhere")
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_not_a_run_is_left_alone(tmp_path: Path) -> None:
    add_samples(tmp_path, 1)
    with pytest.raises(UserError, match="is not a run folder"):
        gallery.main([str(tmp_path)])
    assert not (tmp_path / "index.html").exists()


def test_each_curve_says_what_it_means(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,epoch,val/content/ssim,mine\n1,0,0.5,3\n")
    charts = charts_of(tmp_path)
    assert "1 is the same structure" in charts["val/content/ssim"]["meaning"]
    assert charts["mine"]["meaning"] == ""
