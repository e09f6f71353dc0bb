import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from portrait_cartoons import inference, translate
from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed
from portrait_cartoons.cli.options import OptionError
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import load_rgb, save_image
from portrait_cartoons.runs.checkpoint import Trained, write
from portrait_cartoons.translate import main, read_options
from portrait_cartoons.translation.places import _distinct_names, plan
from tests.conftest import TINY, TOY
from tests.preparation.test_hostile import hostile
from tests.translation.films import film

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)


class Invert(nn.Module):
    size_divisor = 4

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Translates `tmp_path/photos` to `tmp_path/cartoons` by a generator that inverts colours."""
    monkeypatch.setattr(inference, "load", lambda _: Trained(Invert(), 64, "CycleGAN", {}))
    arguments = [f"ckpt={tmp_path}", f"input={tmp_path / 'photos'}", f"output={tmp_path / 'cartoons'}", "device=cpu"]
    return lambda *more: main([*arguments, *more])


def add(photo: Path, pixels: np.ndarray = PHOTO) -> Path:
    photo.parent.mkdir(parents=True, exist_ok=True)
    save_image(pixels, photo)
    return photo


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class TestTranslating:
    def test_a_tree_is_mirrored_with_every_size_kept(
        self, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        sizes = {"a.png": (20, 31), "Jörg & Zoë.jpg": (1, 1), "deep/er/b c.webp": (3, 200), "deep/d.e.bmp": (70, 65)}
        for name, size in sizes.items():
            add(tmp_path / "photos" / name, np.full((*size, 3), 255, np.uint8))
        (tmp_path / "photos" / "phone.avif").touch()
        assert run() == 0
        cartoons = tmp_path / "cartoons"
        assert files(cartoons) == ["Jörg & Zoë.png", "a.png", "deep/d.e.png", "deep/er/b c.png"]
        for name, size in sizes.items():
            cartoon = load_rgb((cartoons / name).with_suffix(".png"))
            assert cartoon.shape == (*size, 3)
            assert (cartoon == 0).all()
        printed = capsys.readouterr().out
        assert f"note: 1 file has a format not read here (AVIF) in {tmp_path / 'photos'}: convert" in printed
        closing = printed.splitlines()[-1]
        assert closing == f"4 translated, 0 skipped (already there), 0 failed; the cartoons are in {cartoons}"

    def test_a_single_photo(self, tmp_path: Path, run: Callable[..., int]) -> None:
        photo = add(tmp_path / "elsewhere" / "me.png")
        assert run(f"input={photo}", "format=webp") == 0
        assert files(tmp_path / "cartoons") == ["me.webp"]

    def test_photos_are_reduced_to_the_size_of_training_and_the_user_is_told(
        self,
        tmp_path: Path,
        run: Callable[..., int],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        shapes: list[tuple[int, ...]] = []

        def forward(_: Invert, x: Tensor) -> Tensor:
            shapes.append(tuple(x.shape[2:]))
            return -x

        monkeypatch.setattr(Invert, "forward", forward)
        add(tmp_path / "photos" / "a.png", np.full((640, 960, 3), 9, np.uint8))
        assert run() == 0
        assert "worked on at 64 pixels" in capsys.readouterr().out
        assert run("max_side=480", "overwrite=true") == 0
        assert "worked on" not in capsys.readouterr().out
        assert shapes == [(64, 96), (320, 480)]
        assert load_rgb(tmp_path / "cartoons" / "a.png").shape == (640, 960, 3)

    def test_max_side_keeps_the_size(self, tmp_path: Path, run: Callable[..., int]) -> None:
        add(tmp_path / "photos" / "a.png")
        assert run("max_side=10") == 0
        assert load_rgb(tmp_path / "cartoons" / "a.png").shape == PHOTO.shape

    def test_a_second_run_only_does_what_is_missing(
        self, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a.png", "b.png"):
            add(tmp_path / "photos" / name)
        run()
        (tmp_path / "cartoons" / "a.png").write_bytes(b"mine")
        (tmp_path / "cartoons" / "b.png").unlink()
        assert run() == 0
        assert "1 translated, 1 skipped" in capsys.readouterr().out.splitlines()[-1]
        assert (tmp_path / "cartoons" / "a.png").read_bytes() == b"mine"
        assert run("overwrite=true") == 0
        assert np.array_equal(load_rgb(tmp_path / "cartoons" / "a.png"), 255 - PHOTO)

    def test_one_bad_file_is_reported_and_the_rest_done(
        self, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a.png", "c.png"):
            add(tmp_path / "photos" / name)
        (tmp_path / "photos" / "b.png").write_bytes(b"no picture")
        assert run() == 1
        assert files(tmp_path / "cartoons") == ["a.png", "c.png"]
        printed = capsys.readouterr()
        assert printed.err.count("\n") == 1
        assert "b.png" in printed.err
        assert "2 translated, 0 skipped (already there), 1 failed" in printed.out

    def test_a_full_disk_leaves_no_half_file(
        self, tmp_path: Path, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        add(tmp_path / "photos" / "a.png")
        with monkeypatch.context() as patch:
            patch.setattr("os.replace", full)
            assert run() == 1
        assert files(tmp_path / "cartoons") == []
        assert run() == 0

    def test_a_picture_too_large_for_memory_is_named(
        self,
        tmp_path: Path,
        run: Callable[..., int],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fail(*_: object) -> Tensor:
            raise torch.OutOfMemoryError("out of memory")

        photo = add(tmp_path / "photos" / "a.png")
        monkeypatch.setattr(Invert, "forward", fail)
        assert run() == 1
        assert f"cannot translate {photo}: " in capsys.readouterr().err


class TestProtection:
    @pytest.mark.parametrize("output", ["photos", "photos/cartoons", "photos/../photos/sub"])
    def test_an_output_inside_the_input_is_refused(self, tmp_path: Path, run: Callable[..., int], output: str) -> None:
        add(tmp_path / "photos" / "a.png")
        with pytest.raises(UserError, match="inside the input"):
            run(f"output={tmp_path / output}", "overwrite=true")
        assert files(tmp_path) == ["photos/a.png"]

    def test_no_photo_is_overwritten(self, tmp_path: Path, run: Callable[..., int]) -> None:
        photo = add(tmp_path / "photos" / "a.png")
        (tmp_path / "link").symlink_to(tmp_path / "photos")
        for output in ("photos", "link"):
            with pytest.raises(UserError, match="would overwrite the photo"):
                run(f"input={photo}", f"output={tmp_path / output}", "overwrite=true")
        add(tmp_path / "photos" / "sub" / "sub" / "a.png")
        add(tmp_path / "photos" / "sub" / "a.png")
        with pytest.raises(UserError, match="would overwrite the photo"):
            run(f"input={tmp_path / 'photos' / 'sub'}", f"output={tmp_path / 'photos'}/sub/../", "overwrite=true")
        assert np.array_equal(load_rgb(photo), PHOTO)

    def test_photos_that_share_a_name_get_cartoons_of_their_own(self, tmp_path: Path, run: Callable[..., int]) -> None:
        for name in ("a.jpg", "a.png", "b.jpg", "sub/a.png"):
            add(tmp_path / "photos" / name)
        assert run() == 0
        assert files(tmp_path / "cartoons") == ["a.jpg.png", "a.png.png", "b.png", "sub/a.png"]

    @settings(deadline=None)
    @given(
        st.lists(
            st.builds(
                "{}{}{}".format,
                st.sampled_from(["", "b/"]),
                st.sampled_from(["a", "A", "a.jpg", "a.png", "A.jpg.png"]),
                st.sampled_from([".jpg", ".png"]),
            ),
            unique_by=str.casefold,
        )
    )
    def test_no_two_photos_share_a_cartoon(self, names: list[str]) -> None:
        paths = [Path(name) for name in names]
        results = _distinct_names(paths, ".png")
        assert len({str(result).casefold() for result in results}) == len(names)
        assert _distinct_names(paths[::-1], ".png") == results[::-1]
        assert all(result.parent == path.parent for result, path in zip(results, paths, strict=True))

    def test_an_empty_folder_is_refused(self, tmp_path: Path, run: Callable[..., int]) -> None:
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "notes.txt").touch()
        with pytest.raises(UserError, match="holds no images"):
            run()
        assert not (tmp_path / "cartoons").exists()

    def test_an_output_that_is_a_file_is_refused(self, tmp_path: Path, run: Callable[..., int]) -> None:
        add(tmp_path / "photos" / "a.png")
        (tmp_path / "cartoons").touch()
        with pytest.raises(UserError, match="choose another folder"):
            run()

    def test_an_output_that_cannot_be_written_is_refused_before_the_work(
        self, tmp_path: Path, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(tmp_path / "photos" / "a.png")
        monkeypatch.setattr("portrait_cartoons.files.os.access", lambda *_: False)
        with pytest.raises(UserError, match="cannot be written"):
            run()

    def test_a_lone_photo_may_go_beside_itself(self, tmp_path: Path) -> None:
        photo = add(tmp_path / "me.jpg")
        assert plan(photo, tmp_path, ".png") == {photo: tmp_path / "me.png"}


class TestPlaces:
    def test_of_one_photo_the_output_may_be_a_file(self, tmp_path: Path, run: Callable[..., int]) -> None:
        photo = add(tmp_path / "photos" / "me.png")
        output = tmp_path / "new" / "a.b.webp"
        assert run(f"input={photo}", f"output={output}") == 0
        assert files(output.parent) == ["a.b.webp"]
        assert run(f"input={photo}", f"output={output}") == 0  # there already
        with pytest.raises(UserError, match="names one file, but the input may be several photos: name a folder"):
            run(f"output={output}")
        with pytest.raises(UserError, match="would overwrite the photo"):
            run(f"input={photo}", f"output={photo}", "overwrite=true")

    def test_a_pattern_stands_for_photos_below_its_plain_part(self, tmp_path: Path, run: Callable[..., int]) -> None:
        for name in ("x/a.png", "x/b.jpg", "y/deep/a.png", "y/c.png"):
            add(tmp_path / "photos" / name)
        assert run(f"input={tmp_path}/photos/*/*.png") == 0
        assert files(tmp_path / "cartoons") == ["x/a.png", "y/c.png"]
        assert run(f"input={tmp_path}/photos/**/a.png", "output=" + str(tmp_path / "all")) == 0
        assert files(tmp_path / "all") == ["x/a.png", "y/deep/a.png"]
        with pytest.raises(UserError, match="holds no images"):
            run(f"input={tmp_path}/photos/*.tif")

    def test_a_photo_whose_name_looks_like_a_pattern_is_a_photo(self, tmp_path: Path, run: Callable[..., int]) -> None:
        photo = add(tmp_path / "photos" / "me [1].png")
        assert run(f"input={photo}") == 0
        assert files(tmp_path / "cartoons") == ["me [1].png"]


class TestWork:
    @pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (2, 3), (16, 4)])
    def test_batches_and_threads_change_no_pixel(
        self, tmp_path: Path, run: Callable[..., int], batch_size: int, threads: int
    ) -> None:
        pictures = {
            f"{n}.png": np.random.default_rng(n).integers(0, 256, (9 + n % 2, 8, 3), np.uint8) for n in range(5)
        }
        for name, pixels in pictures.items():
            add(tmp_path / "photos" / name, pixels)
        assert run(f"batch_size={batch_size}", f"threads={threads}") == 0
        for name, pixels in pictures.items():
            assert np.array_equal(load_rgb(tmp_path / "cartoons" / name), 255 - pixels)

    def test_of_a_hostile_folder_all_that_can_be_drawn_is_and_every_other_file_is_listed(
        self, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        hostile(tmp_path / "photos")
        assert run("max_side=64") == 1
        refused = ["truncated.jpg", "empty.png", "text.jpg", "bomb.png", "noise.webp", "cut.gif"]
        refused += ["link.jpg", "itself.jpg", "pipe.png"]
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]
        assert len(lines) == len(refused)
        assert all(any(f"bad-{name}" in line for line in lines) for name in refused)
        photos = [name for name in files(tmp_path / "photos") if not name.endswith(tuple(refused))]
        assert len(files(tmp_path / "cartoons")) == len(photos)

    def test_photos_of_one_size_go_through_the_network_together(
        self, tmp_path: Path, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batches: list[int] = []

        def forward(_: Invert, x: Tensor) -> Tensor:
            batches.append(len(x))
            return -x

        monkeypatch.setattr(Invert, "forward", forward)
        for n in range(5):
            add(tmp_path / "photos" / f"{n}.png")
        assert run("batch_size=3") == 0
        assert batches == [3, 2]

    def test_one_photo_that_fails_does_not_take_its_batch_with_it(
        self,
        tmp_path: Path,
        run: Callable[..., int],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def forward(_: Invert, x: Tensor) -> Tensor:
            white = (x > 0.99).flatten(1).all(1)
            return torch.where(white[:, None, None, None], torch.nan, -x)

        monkeypatch.setattr(Invert, "forward", forward)
        add(tmp_path / "photos" / "a.png")
        add(tmp_path / "photos" / "b.png", np.full((20, 31, 3), 255, np.uint8))
        (tmp_path / "photos" / "c.png").write_bytes(b"no picture")
        add(tmp_path / "photos" / "d.png")
        assert run() == 1
        assert files(tmp_path / "cartoons") == ["a.png", "d.png"]
        assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["failed:", "failed:"]


class TestVideo:
    def test_a_video_is_translated_and_its_flicker_told(
        self, tmp_path: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("av", reason="the extra video is not installed")
        source = film(tmp_path / "me.mov")
        assert run(f"input={source}") == 0
        assert files(tmp_path / "cartoons") == ["me.mp4"]
        assert "flicker beyond the video's own change" in capsys.readouterr().out
        written = (tmp_path / "cartoons" / "me.mp4").stat().st_mtime_ns
        assert run(f"input={source}") == 0
        assert "there already" in capsys.readouterr().out
        assert (tmp_path / "cartoons" / "me.mp4").stat().st_mtime_ns == written
        with pytest.raises(UserError, match="would overwrite the video"):
            run(f"input={source.rename(tmp_path / 'me.mp4')}", f"output={tmp_path / 'me.mp4'}", "overwrite=true")

    @pytest.mark.parametrize("argument", ["smooth=1", "smooth=-0.1", "smooth=much"])
    def test_how_much_is_smoothed_is_a_share(self, tmp_path: Path, run: Callable[..., int], argument: str) -> None:
        add(tmp_path / "photos" / "a.png")
        with pytest.raises(OptionError, match="number from 0 to"):
            run(argument)


class TestFinish:
    def test_side_by_side(self, tmp_path: Path, run: Callable[..., int]) -> None:
        add(tmp_path / "photos" / "a.png")
        assert run("side_by_side=true") == 0
        both = load_rgb(tmp_path / "cartoons" / "a.png")
        assert np.array_equal(both, np.concatenate([PHOTO, 255 - PHOTO], axis=1))

    def test_the_colours_of_the_photo_come_back(self, tmp_path: Path, run: Callable[..., int]) -> None:
        red = np.clip(np.random.default_rng(1).normal((200, 90, 60), 20, (40, 40, 3)), 0, 255).astype(np.uint8)
        add(tmp_path / "photos" / "a.png", red)
        assert run("preserve_color=true") == 0
        cartoon = load_rgb(tmp_path / "cartoons" / "a.png").astype(float)
        assert cartoon[..., 0].mean() > cartoon[..., 2].mean() + 50  # inverted it was blue
        lightness = cartoon @ [0.3, 0.6, 0.1]
        inverted = (255.0 - red) @ [0.3, 0.6, 0.1]
        assert np.corrcoef(lightness.ravel(), inverted.ravel())[0, 1] > 0.7

    @pytest.mark.parametrize(
        ("background", "expected"), [("white", 255), ("original", 200), ("blur", 55), ("keep", 55)]
    )
    def test_a_background(
        self,
        tmp_path: Path,
        run: Callable[..., int],
        background: str,
        expected: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        mask = np.zeros((64, 64), np.uint8)
        mask[16:48, 16:48] = 255
        monkeypatch.setattr("portrait_cartoons.preparation.networks.segmenter", lambda _: lambda _: mask)
        add(tmp_path / "photos" / "a.png", np.full((64, 64, 3), 200, np.uint8))
        assert run(f"background={background}") == 0
        cartoon = load_rgb(tmp_path / "cartoons" / "a.png")
        assert (cartoon[20:40, 20:40] == 55).all()
        assert (cartoon[:8, :8] == expected).all()

    def test_a_model_without_a_u_net_is_named(self, tmp_path: Path, run: Callable[..., int]) -> None:
        add(tmp_path / "photos" / "a.png")
        with pytest.raises(OptionError, match=r"background=white needs a U-Net .*mask=deeplabv3"):
            run("background=white")


class TestOptions:
    @pytest.mark.parametrize(
        ("argument", "sentence"),
        [
            ("chkpt=x", "unknown key 'chkpt': did you mean ckpt"),
            ("--output=x", "did you mean output"),
            ("zzz=x", "did you mean one of ckpt, input"),
            ("photos", "'photos' is not written key=value"),
            ("max_side=large", "max_side must be a whole number"),
            ("max_side=2.5", "max_side must be a whole number"),
            ("max_side=0", "above 0"),
            ("overwrite=maybe", "overwrite must be true or false"),
            ("format=docx", "one of png, jpg, webp"),
            ("background=red", "one of keep, white, blur, original"),
            ("mask=deeplabv3", "add background=white, blur or original"),
            ("threads=0", "from 1 to 256"),
            ("batch_size=-1", "from 1 to 256"),
            ("side_by_side=left", "side_by_side must be true or false"),
            ("device=null", "device must be a text"),
            ("input=/no/where", "no such file or folder"),
            ("ckpt=/no/where", "no such file or folder"),
            ("style=classical", "both name what draws"),
            ("output=", "output is missing"),
            ("output=${oc.env:HOME}", "a variable"),
        ],
    )
    def test_a_mistake_is_one_sentence(self, tmp_path: Path, argument: str, sentence: str) -> None:
        with pytest.raises(UserError, match=sentence) as caught:
            read_options([f"ckpt={tmp_path}", f"input={tmp_path}", "output=out", argument])
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("missing", ["input", "output"])
    def test_every_place_must_be_named(self, tmp_path: Path, missing: str) -> None:
        arguments = [f"{key}={tmp_path}" for key in ("input", "output") if key != missing]
        with pytest.raises(OptionError, match=f"{missing} is missing"):
            read_options(arguments)

    @pytest.mark.parametrize("name", ["Jörg (1), a=b", "[x]", "007", "'q' \"q\"", "a: b", "epoch=3.ckpt", "true"])
    def test_any_path_is_taken_as_it_is(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).touch()
        options = read_options([f"ckpt={tmp_path / name}", f"input={tmp_path}", f"output={name}"])
        assert options.ckpt == str(tmp_path / name)
        assert options.output == name

    def test_defaults_and_types(self, tmp_path: Path) -> None:
        places = [f"ckpt={tmp_path}", f"input={tmp_path}", "output=out"]
        defaults = read_options(places)
        assert (defaults.device, defaults.max_side, defaults.overwrite, defaults.format) == ("auto", None, False, "png")
        given = read_options([*places, "max_side=512", "overwrite=true", "max_side=null", "max_side=64"])
        assert given.max_side == 64
        assert given.overwrite is True


class TestCommand:
    def test_help_tells_every_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--help"]) == 0
        page = capsys.readouterr().out
        assert all(f"{key}:" in page for key in ("ckpt", "input", "output", "max_side", "overwrite", "format"))
        assert page.count("python -m src.translate ") == 5

    def test_the_examples_of_the_help_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model = build_model(composed("train", ["model=cyclegan", "run_dir=run", *TOY, *TINY]))
        content = {
            "state_dict": model.state_dict(),
            "hyper_parameters": dict(model.hparams),
            "generator_prefix": "g.xy.",
        }
        monkeypatch.chdir(tmp_path)
        examples = [line.split()[3:] for line in (translate.__doc__ or "").splitlines() if "python -m" in line][1:]
        # Neural style downloads weights: tests/models/test_neural_style.py has it with others.
        examples = [arguments for arguments in examples if not any("style_picture" in text for text in arguments)]
        assert len(examples) == 3
        for arguments in examples:
            named = dict(argument.split("=") for argument in arguments)
            ckpt, photos = Path(named.get("ckpt", "unused")), Path(named["input"])
            file = ckpt if ckpt.suffix else ckpt / "checkpoints" / "best.ckpt"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w+b") as opened:
                write(content, opened)
            add(photos if photos.suffix else photos / "a.png")
            assert main(arguments) == 0
        assert files(tmp_path / "cartoons") == ["a.png", "me.jpg"]
        assert load_rgb(tmp_path / "cartoon.png").shape == PHOTO.shape

    def test_wrong_use_ends_with_a_sentence_and_code_2(self) -> None:
        command = [sys.executable, "-m", "src.translate", "imput=x"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert result.stderr == "error: unknown key 'imput': did you mean input? --help explains the keys\n"
        assert result.stdout == ""

    def test_help_and_mistakes_wait_for_no_heavy_import(self) -> None:
        code = """if True:
            import sys, src
            from portrait_cartoons.translate import main
            main(["--help"])
            try:
                main(["ckpt=x"])
            except Exception:
                print({"torch", "numpy", "PIL", "rich"} & set(sys.modules))
        """
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout.splitlines()[-1] == "set()"
