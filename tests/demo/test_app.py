"""The page in a real browser, and what strangers on this machine could try."""

import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons import Cartoonizer, styles
from portrait_cartoons.app import main
from portrait_cartoons.cli.options import OptionError
from portrait_cartoons.demo.models import Models
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import load_rgb
from tests import browser

PHOTO = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
ROOT = Path(__file__).parents[2]


class Served(NamedTuple):
    port: int
    temporary: Path


@pytest.fixture(scope="module")
def served(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    pytest.importorskip("gradio", reason="the extra app is not installed")
    temporary = tmp_path_factory.mktemp("temporary")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    limits = ["max_megabytes=1", "max_megapixels=1", "queue=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "src.app", f"models={checkpoint}", "device=cpu", f"port={port}", *limits],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    assert process.stdout
    assert f"http://127.0.0.1:{port} " in process.stdout.readline()
    yield Served(port, temporary)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not list(temporary.glob("portrait-cartoons-*"))  # photos and cartoons are gone


def asked(served: Served, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def uploaded(served: Served, name: str, content: bytes) -> tuple[int, bytes]:
    head = f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
    kind = "multipart/form-data; boundary=edge"
    return asked(served, "POST", "/gradio_api/upload", head + content + b"\r\n--edge--\r\n", **{"Content-Type": kind})


def drawn(served: Served, name: str, photo: object) -> str:
    """What the page answers when a photo is sent to be drawn."""
    body = {"data": [name, photo], "fn_index": 0, "session_hash": "stranger", "trigger_id": None}
    status, answer = asked(
        served, "POST", "/gradio_api/queue/join?", json.dumps(body).encode(), **{"Content-Type": "application/json"}
    )
    if status != 200:
        return f"{status} {answer.decode()}"
    return asked(served, "GET", "/gradio_api/queue/data?session_hash=stranger")[1].decode()


def file_data(path: str, **more: object) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def png(width: int, height: int) -> bytes:
    """The beginning of a picture that claims to be of that size."""
    whole = io.BytesIO()
    Image.new("RGB", (1, 1)).save(whole, "PNG")
    data = bytearray(whole.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.slow
class TestStrangers:
    @pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/gradio_api/proxy=", "/static/", "/assets/"])
    @pytest.mark.parametrize(
        "path",
        [
            *("/etc/passwd", "../../../../etc/passwd", "..%2f..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd"),
            *("//etc/passwd", "http://127.0.0.1:1/x", "file:///etc/passwd", "{checkpoint}", "pyproject.toml"),
        ],
    )
    def test_no_file_and_no_other_server_is_reached(
        self, served: Served, checkpoint: Path, route: str, path: str
    ) -> None:
        status, content = asked(served, "GET", route + path.replace("{checkpoint}", str(checkpoint)))
        assert status in (400, 403, 404, 405, 422, 500), (status, content[:100])
        assert b"root:" not in content
        assert b"portrait-cartoons" not in content

    @pytest.mark.parametrize(
        "photo",
        [
            file_data("/etc/passwd"),
            file_data("../../etc/passwd"),
            file_data("/etc/passwd", url="http://127.0.0.1:1/x"),
            file_data("http://127.0.0.1:1/x"),
            {"path": "/etc/passwd"},
            "/etc/passwd",
            7,
        ],
    )
    def test_no_file_of_this_machine_is_taken_for_a_photo(self, served: Served, photo: object) -> None:
        answer = drawn(served, "a.ckpt", photo)
        assert '"success":true' not in answer
        assert "root:" not in answer
        assert "Traceback" not in answer

    def test_no_other_model_is_loaded(self, served: Served, checkpoint: Path) -> None:
        path = json.loads(uploaded(served, "a.png", png(1, 1))[1])[0]
        for name in ("../a.ckpt", str(checkpoint), "/etc/passwd"):
            assert '"success":true' not in drawn(served, name, file_data(path))

    def test_a_file_that_is_too_large_is_refused(self, served: Served) -> None:
        status, _ = uploaded(served, "a.png", bytes(2 << 20))
        assert status == 413
        assert not [file for file in served.temporary.rglob("*") if file.is_file() and file.stat().st_size > 1 << 20]

    @pytest.mark.parametrize("size", [(60_000, 60_000), (1001, 1000)])
    def test_a_bomb_is_refused_before_it_is_decoded(self, served: Served, size: tuple[int, int]) -> None:
        status, answer = uploaded(served, "a.png", png(*size))
        assert status == 200
        assert '"success":true' not in (told := drawn(served, "a.ckpt", file_data(json.loads(answer)[0])))
        assert str(served.temporary) not in told

    @pytest.mark.parametrize("name", ["../../escaped.png", "/srv/escaped.png", "a\x00.png", "x" * 500 + ".png"])
    def test_a_name_does_not_choose_the_place(self, served: Served, name: str) -> None:
        status, answer = uploaded(served, name, b"no picture")
        if status == 200:
            assert Path(json.loads(answer)[0]).resolve().is_relative_to(served.temporary)

    def test_the_page_is_at_this_machines_own_address_alone(self, served: Served) -> None:
        lines = [
            line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().split("\n")
        ]
        listening = [f[1] for f in lines if len(f) > 3 and f[3] == "0A" and f[1].endswith(f":{served.port:04X}")]
        assert listening == [f"0100007F:{served.port:04X}"]

    def test_it_is_still_there(self, served: Served) -> None:
        status, content = asked(served, "GET", "/config")
        assert status == 200
        assert json.loads(content)["analytics_enabled"] is False


@pytest.mark.slow
def test_a_photo_is_drawn_compared_and_saved(served: Served, checkpoint: Path, tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    requested: list[str] = []
    with browser.opened() as tab:
        tab.on(
            "request",
            lambda r: requested.append(r.url) if not re.match(r"(http://127\.0\.0\.1|data|blob):", r.url) else 0,
        )
        tab.goto(f"http://127.0.0.1:{served.port}")
        tab.set_input_files("input[type=file] >> nth=0", tmp_path / "photo.png")
        tab.get_by_role("button", name="Draw").click()
        handle = tab.locator("#both .inner, #both [role=slider], #both .outer").first
        handle.wait_for()
        before = handle.bounding_box()
        tab.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
        tab.mouse.down()
        tab.mouse.move(before["x"] - 40, before["y"] + before["height"] / 2)
        tab.mouse.up()
        assert handle.bounding_box()["x"] != before["x"]
        with tab.expect_download() as waiting:
            tab.locator("#save").click()
        waiting.value.save_as(tmp_path / "cartoon.png")
    assert np.array_equal(load_rgb(tmp_path / "cartoon.png"), Cartoonizer.load(checkpoint, "cpu").translate(PHOTO))
    assert not [url for url in requested if not re.match(r"(http://127\.0\.0\.1|data|blob):", url)]


class TestModels:
    def test_runs_and_files_of_a_folder_are_offered(self, tmp_path: Path) -> None:
        for name in (
            "toy/one/checkpoints/last.ckpt",
            "two/checkpoints/best.ckpt",
            "a.onnx",
            "x/b.safetensors",
            "n.txt",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert set(Models(tmp_path, "cpu", None).names) == {"toy/one", "two", "a.onnx", "x/b.safetensors"}
        assert Models(tmp_path / "two", "cpu", None).names == ["two"]
        assert Models(tmp_path / "a.onnx", "cpu", None).names == ["a.onnx"]

    def test_without_a_folder_the_styles_are_offered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("gradio", reason="the extra app is not installed")
        offered: list[str] = []
        monkeypatch.setattr("portrait_cartoons.demo.page.serve", lambda models, *_: offered.extend(models.names))
        main([])
        assert offered == [f"{style}.safetensors" for style in styles.names()]

    def test_a_folder_without_models_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"holds no run folder and no \.ckpt"):
            Models(tmp_path, "cpu", None)


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("models=/no/where", "there is no such file or folder"),
        ("port=0", "from 1 to 65535"),
        ("port=http", "port must be a whole number"),
        ("queue=-1", "from 1 to 65535"),
        ("share=true", "unknown key 'share'"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path: Path, argument: str, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        main([f"models={tmp_path}", argument])
