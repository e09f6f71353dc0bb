"""The page draws in a real browser what Cartoonizer draws, and opens no connection."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons import Cartoonizer
from portrait_cartoons.deployment.web import RUNTIME, page
from portrait_cartoons.errors import UserError
from portrait_cartoons.export import main
from portrait_cartoons.image import load_rgb
from tests import browser

PACKAGE = Path(__file__).parents[2] / "node_modules" / "onnxruntime-web"
DESCRIBED = {"model": "<b>CycleGAN", "version": "1", "size": "64", "licence": "mine & yours"}


def test_everything_is_in_one_file_that_may_not_connect(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    for file in RUNTIME.values():
        (tmp_path / "dist" / file).write_text("</script>")
    text = page(b"generator", DESCRIBED, tmp_path).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "connect-src" not in policy[1]
    assert not re.search(r"https?:|//[a-z]+\.", text)
    assert "&lt;b&gt;CycleGAN" in text
    assert "mine &amp; yours" in text
    assert text.count("</script>") == 5  # none of the runtime's own


def test_a_missing_runtime_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"runtime=.* is not the npm package .*npm install onnxruntime-web"):
        page(b"generator", DESCRIBED, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not PACKAGE.is_dir(), reason="npm install onnxruntime-web has not been run in this checkout")
def test_a_photo_is_drawn_compared_and_saved(checkpoint: Path, tmp_path: Path) -> None:
    file, photo = tmp_path / "cartoon.html", tmp_path / "photo.png"
    main([f"ckpt={checkpoint}", f"output={file}", "format=web", f"runtime={PACKAGE}"])
    size = 16  # what the checkpoint was trained on
    pixels = np.random.default_rng(0).integers(0, 256, (size, size + 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photo)
    (tmp_path / "notes.txt").write_text("no picture")
    asked: list[str] = []
    with browser.opened() as tab:
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(file.as_uri())
        tab.get_by_text("Ready.").wait_for()
        tab.set_input_files("#file", tmp_path / "notes.txt")
        tab.get_by_text("cannot read this file").wait_for()
        assert not tab.locator("#result").is_visible()
        tab.set_input_files("#file", photo)
        tab.get_by_text("Drawn in").wait_for()
        cartoon = tab.locator("#cartoon")
        assert cartoon.is_visible()
        for cut in ("20", "80"):
            tab.locator("#cut").fill(cut)
            assert f"{cut}%" in cartoon.evaluate("element => getComputedStyle(element).clipPath")
        with tab.expect_download() as waiting:
            tab.get_by_text("Save the cartoon").click()
        waiting.value.save_as(tmp_path / "cartoon.png")
        assert tab.evaluate("fetch('https://example.org').then(() => 'sent', () => 'refused')") == "refused"
    expected = Cartoonizer.load(checkpoint, "cpu", precision="float32").translate(pixels)
    assert np.abs(load_rgb(tmp_path / "cartoon.png").astype(int) - expected).max() <= 1
    assert not [url for url in asked if not url.startswith(("file:", "blob:", "data:", "https://example.org"))]
