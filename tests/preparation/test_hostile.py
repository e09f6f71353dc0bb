"""Folders that nobody has looked at before."""

import gc
import io
import os
import resource
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from portrait_cartoons.image import load_rgb
from portrait_cartoons.preparation.workers import WorkerError, pool
from tests.conftest import Command
from tests.preparation.pictures import contents, picture, prepare, rows, write_pictures


def encoded(number: int, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture(number)).save(stream, file_format, **options)
    return stream.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it holds a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    )


def hostile(folder: Path) -> None:
    """Every file that is to be left out begins with "bad"."""
    folder.mkdir()
    write_pictures(folder, range(8))
    jpeg = encoded(10, "JPEG")
    for name, data in {
        "bad-truncated.jpg": jpeg[: len(jpeg) // 2],
        "bad-empty.png": b"",
        "bad-text.jpg": b"not a picture\n" * 50,
        "bad-bomb.png": bomb(60_000, 60_000),
        "bad-noise.webp": bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8)),
        "bad-cut.gif": encoded(11, "GIF")[:40],
        "upper.JPG": encoded(12, "JPEG"),
        "with spaces and ünïcödé 写真.jpg": encoded(13, "JPEG"),
        'new\nline, comma".png': encoded(14, "PNG"),
        "profile.jpg": encoded(15, "JPEG", icc_profile=b"no profile at all"),
    }.items():
        (folder / name).write_bytes(data)
    Path(os.fsdecode(bytes(folder) + b"/no-text-\xff\xfe.png")).write_bytes(encoded(16, "PNG"))
    frames = [Image.fromarray(picture(n)) for n in (17, 18)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(picture(19)).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(picture(20)[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    palette = Image.fromarray(picture(21)).quantize(64)
    palette.save(folder / "palette.png", transparency=3)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(22, 90, 70)).save(folder / "turned.jpg", exif=exif)
    Image.new("RGB", (1, 1), "red").save(folder / "bad-1x1.png")
    Image.fromarray(np.tile(picture(23, 10, 200), (1, 100, 1))).save(folder / "bad-20000x10.png")
    Image.new("RGB", (90, 90), "blue").save(folder / "bad-blank.png")
    (folder / "loop").symlink_to(folder)
    (folder / "bad-link.jpg").symlink_to("nowhere.jpg")
    (folder / "bad-itself.jpg").symlink_to("bad-itself.jpg")
    (folder / "bad-folder.jpg").mkdir()
    (folder / "bad-folder.jpg" / "inner.png").write_bytes(encoded(24, "PNG"))
    os.mkfifo(folder / "bad-pipe.png")
    (folder / "bad-secret.png").write_bytes(encoded(25, "PNG"))
    (folder / "bad-secret.png").chmod(0)


def test_every_file_is_used_or_listed_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile(tmp_path / "in")
    before = {path: path.lstat() for path in tmp_path.rglob("*")}
    assert prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "make=masks", "val=0.2", "test=0.2") == 0
    listed = rows(tmp_path / "out")
    if os.getuid() == 0:
        listed.pop("bad-secret.png")  # nothing is secret for the superuser
    left_out = {name for name, row in listed.items() if not row["file"]}
    assert left_out == {name for name in listed if name.startswith("bad")}
    assert all(listed[name]["reason"] for name in left_out)
    assert len(listed) == 8 + 4 + 6 + 1 + len(left_out)
    for row in listed.values():
        if row["file"]:
            assert load_rgb(tmp_path / "out" / row["file"]).shape == (32, 32, 3)
    assert "animation" in listed["animated.gif"]["note"]
    assert "CMYK" in listed["cmyk.jpg"]["note"]
    assert "transparent" in listed["palette.png"]["note"]
    assert (listed["turned.jpg"]["width"], listed["turned.jpg"]["height"]) == ("90", "70")
    assert "unreadable" in capsys.readouterr().out
    after = {path: path.lstat() for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "out")}
    assert after.keys() == before.keys()
    assert all(after[path].st_mtime_ns == before[path].st_mtime_ns for path in before if path != tmp_path)


def test_too_many_unreadable_files_end_in_a_finished_set_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "in", range(4))
    for number in range(2):
        (tmp_path / "in" / f"bad{number}.jpg").write_text(f"text {number}")
    arguments = f"input={tmp_path}/in", f"output={tmp_path}/out"
    assert prepare(*arguments) == 0
    assert prepare(*arguments, "max_unreadable=0.3") == 1
    assert "2 of 6 files cannot be read" in capsys.readouterr().err
    assert len(rows(tmp_path / "out")) == 6


def test_other_colours_are_converted_by_their_profile(tmp_path: Path) -> None:
    """A linear profile: its middle grey is a light grey in sRGB."""
    profile = linear_profile()
    Image.new("RGB", (8, 8), (55, 55, 55)).save(tmp_path / "linear.png", icc_profile=profile)
    assert abs(int(load_rgb(tmp_path / "linear.png")[0, 0, 0]) - 128) <= 2
    Image.new("RGBA", (8, 8), (55, 55, 55, 0)).save(tmp_path / "clear.png", icc_profile=profile)
    assert load_rgb(tmp_path / "clear.png").min() == 255
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture(1)).save(tmp_path / "same.png", icc_profile=srgb)
    np.testing.assert_array_equal(load_rgb(tmp_path / "same.png"), picture(1))


def linear_profile() -> bytes:
    """sRGB's own profile with its curves replaced by a straight line and another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for n in range(count):
        tag, offset, size = struct.unpack(">4sII", data[132 + 12 * n : 144 + 12 * n])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + size] = (
                struct.pack(">4sIHH", b"para", 0, 0, 0) + struct.pack(">i", 65536) + bytes(size - 16)
            )
        if tag == b"desc":
            data[offset : offset + size] = bytes(data[offset : offset + size]).replace(b"s\0R\0G\0B", b"l\0i\0n\0e")
    return bytes(data)


@pytest.mark.slow
def test_a_run_killed_anywhere_and_started_again_makes_what_a_whole_run_makes(tmp_path: Path, command: Command) -> None:
    hostile(tmp_path / "in")
    write_pictures(tmp_path / "in", range(100, 112))
    options = ("size=48", "make=cartoons,masks,outlines,smooth", "val=0.2", "test=0.2", "workers=2", "crop=face")

    def run(output: str, wait: bool) -> ForkServerProcess:
        folders = f"input={tmp_path}/in", f"output={tmp_path}/{output}"
        return command("prepare", *folders, *options, folder=tmp_path, wait=wait)

    run("whole", wait=True)
    expected = contents(tmp_path / "whole")
    assert len(expected) > 100
    kills = 0
    for share in np.sort(np.random.default_rng().uniform(0, 1, 8)):  # at other points every time
        child = run("killed", wait=False)
        while child.is_alive() and len(list((tmp_path / "killed").rglob("*.*"))) < share * len(expected):
            time.sleep(0.002)
        if child.is_alive():
            os.kill(child.pid or 0, signal.SIGKILL)
            kills += 1
        child.join()
    assert kills
    run("killed", wait=True)
    assert contents(tmp_path / "killed") == expected
    deadline = time.monotonic() + 60
    while working_in(tmp_path):  # the killed commands' workers see that nobody needs them any more
        assert time.monotonic() < deadline
        time.sleep(0.1)


def working_in(folder: Path) -> list[Path]:
    """The processes whose folder it is."""

    def works_there(process: Path) -> bool:
        try:
            return (process / "cwd").readlink() == folder
        except OSError:
            return False

    return [process for process in Path("/proc").glob("[0-9]*") if works_there(process)]


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_worker_is_one_sentence() -> None:
    with pool(2) as processes, pytest.raises(WorkerError, match="workers=1"):
        list(processes.map(die, range(10)))


def frozen(_: int) -> int:
    return gc.get_freeze_count()


def test_looking_for_garbage_leaves_the_memory_alone_that_processes_share() -> None:
    with pool(1) as processes:
        assert next(iter(processes.map(frozen, range(1)))) > 10_000
    assert gc.get_freeze_count() == 0


def test_results_come_in_order_and_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with pool(2) as processes:
        results: Iterator[int] = processes.map(abs, items())
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert len(taken) < 30


def full_disk() -> None:
    """What the command sees when no file can grow beyond 2,000 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "in", range(6))
    folders = f"input={tmp_path}/in", f"output={tmp_path}/out"
    child = command("prepare", *folders, "workers=0", "size=64", folder=tmp_path, prepare=full_disk)
    assert child.exitcode == 2
    assert (tmp_path / "output.txt").read_text().splitlines()[-1].startswith("error: cannot write")
    assert not any(path.suffix == ".tmp" for path in tmp_path.rglob("*"))
