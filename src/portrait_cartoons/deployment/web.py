"""A page that draws cartoons in the browser: the generator and ONNX Runtime in one HTML file, no server, no network."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from portrait_cartoons.errors import UserError

# Of the npm package: the program, its loader, and what it computes with.
RUNTIME = {
    "program": "ort.wasm.min.js",
    "loader": "ort-wasm-simd-threaded.mjs",
    "binary": "ort-wasm-simd-threaded.wasm",
}


def page(generator: bytes, described: Mapping[str, str], runtime: Path) -> bytes:
    """The page with an ONNX file in it; `runtime` is the folder of the npm package onnxruntime-web.

    The page forbids itself every connection, so no photo can leave the machine. Raises UserError where the package
    lacks a file.
    """
    parts = {name: _base64(_read(runtime / "dist" / file, runtime)) for name, file in RUNTIME.items()}
    texts = {name: escape(described[name]) for name in ("model", "version", "size", "licence")}
    template = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    return template.substitute(parts, **texts, generator=_base64(generator)).encode()


def _read(file: Path, runtime: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(
            f"runtime={runtime} is not the npm package onnxruntime-web, as its dist/{file.name} cannot be read: run npm"
            " install onnxruntime-web, and name the folder with runtime=node_modules/onnxruntime-web"
        ) from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
