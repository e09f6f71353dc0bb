import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from portrait_cartoons.evaluation.files import write
from portrait_cartoons.evaluation.report import Report, Row, Value
from tests.evaluation.conftest import HOSTILE, report


class Page(HTMLParser):
    """Elements with their attributes, and texts by the element they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(report: Report, folder: Path) -> str:
    write(report, folder)
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(folder: Path) -> None:
    text = written(report(), folder)
    page = Page(text)
    links = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")]
    assert len(links) == 12 * 4
    assert all(value and value.startswith("data:image/webp;base64,") for value in links)
    assert not re.search(r"https?:|url\(|@import|//\w+\.", text)
    assert page.all("meta")[2]["content"].startswith("default-src 'none'")  # type: ignore[union-attr]


def test_pictures_are_embedded_small(folder: Path) -> None:
    Image.new("RGB", (1000, 700)).save(folder / "pictures/photo/000.png")
    for image in Page(written(report(), folder)).all("img"):
        data = base64.b64decode((image["src"] or "").partition(",")[2])
        with Image.open(io.BytesIO(data)) as picture:
            assert max(picture.size) <= 256


def test_best_values_are_marked_and_intervals_shown(folder: Path) -> None:
    text = written(report(), folder)
    assert re.findall(r'class="best"[^>]*>([^<]*)', text) == ["46.12", "19.50"]
    assert "<small>44.00–48.50</small>" in text
    assert 'data-value="Infinity"' in text


def test_all_texts_are_escaped(folder: Path) -> None:
    hostile = Report(
        {HOSTILE: HOSTILE},
        [Row(HOSTILE, "system", {"fid": Value(1)}, HOSTILE, HOSTILE, "pictures/camgan")],
        "pictures/photo",
        commands=[HOSTILE],
    )
    text = written(hostile, folder)
    page = Page(text)
    assert len(page.all("script")) == 1
    assert "<!--" not in text
    # Its row and its column, both halves of the protocol, three cells of its checkpoint, the command.
    assert page.texts.count(HOSTILE) == 8
    assert any(HOSTILE in (image["alt"] or "") for image in page.all("img"))


def test_the_protocol_checkpoints_and_commands_are_shown(folder: Path) -> None:
    texts = Page(written(report(resize="bicubic"), folder)).texts
    for text in ("resize", "bicubic", "runs/camgan/last.ckpt", "ab" * 32, *report().commands):
        assert text in texts


def test_sections_without_content_are_hidden(tmp_path: Path) -> None:
    bare = Report({}, [Row("camgan", "system", {"fid": Value(1)})], "pictures/photo")
    assert sum("hidden" in section for section in Page(written(bare, tmp_path)).all("section")) == 4


def test_an_empty_report_has_a_page(tmp_path: Path) -> None:
    assert "Evaluation" in written(Report({}, [], "pictures/photo"), tmp_path)
