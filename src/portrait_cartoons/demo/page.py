"""The page: Gradio, at this machine's own address, without its telemetry, with limits on what is sent to it."""

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before it is imported
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio

from portrait_cartoons.demo.models import Models
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import ImageError, load_rgb, save_image

ADDRESS = "127.0.0.1"
_FORGET = 3600  # seconds after which photos and cartoons are deleted


def serve(models: Models, port: int, max_megabytes: int, max_pixels: int, queue: int) -> None:
    """Serve the page until Ctrl-C. Raises UserError where the port is taken."""
    with tempfile.TemporaryDirectory(prefix="portrait-cartoons-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = built(models, max_pixels, Path(folder))
        try:
            page.queue(max_size=queue, api_open=False).launch(
                server_name=ADDRESS,
                server_port=port,
                max_file_size=f"{max_megabytes}mb",
                share=False,
                show_error=False,
                quiet=True,
                prevent_thread_lock=True,
                ssr_mode=False,
                enable_monitoring=False,
                footer_links=[],
                theme=gradio.themes.Base(font="system-ui", font_mono="monospace"),
            )
        except OSError as error:
            raise UserError(f"port={port} cannot be used ({error}); choose another port") from error
        print(f"open http://{ADDRESS}:{port} in a browser; Ctrl-C ends it", flush=True)
        try:
            page.block_thread()
        finally:
            page.close(verbose=False)


def built(models: Models, max_pixels: int, folder: Path) -> gradio.Blocks:
    """The page's parts. `folder` is where cartoons lie until they are deleted."""

    def draw(name: str, photo: str | None) -> tuple[Any, str]:
        if photo is None:
            raise gradio.Error("Choose a photo first.", print_exception=False)
        try:
            pixels = load_rgb(photo, max_pixels=max_pixels)
            cartoon = models.load(name).translate(pixels)
        except ImageError as error:
            sentence = f"This file is not a picture that can be read, or has more than {max_pixels} pixels."
            raise gradio.Error(sentence, print_exception=False) from error
        except UserError as error:
            raise gradio.Error(f"{name} cannot draw this photo: {error}", print_exception=False) from error
        file = Path(tempfile.mkdtemp(dir=folder)) / "cartoon.png"
        save_image(cartoon, file)
        return (pixels, cartoon), str(file)

    with gradio.Blocks(title="Portrait to cartoon", analytics_enabled=False, delete_cache=(_FORGET, _FORGET)) as page:
        gradio.Markdown("# Portrait to cartoon\nPhotos stay on this machine, and are deleted when the program ends.")
        with gradio.Row():
            with gradio.Column():
                name = gradio.Dropdown(models.names, value=models.names[0], label="Model")
                photo = gradio.Image(
                    type="filepath", image_mode=None, sources=["upload", "webcam", "clipboard"], label="Photo"
                )
                button = gradio.Button("Draw", variant="primary")
            with gradio.Column():
                both = gradio.ImageSlider(label="Photo and cartoon", format="png", interactive=False, elem_id="both")
                save = gradio.DownloadButton("Save the cartoon", elem_id="save")
        button.click(draw, [name, photo], [both, save], concurrency_limit=1, api_visibility="private")
    return page
