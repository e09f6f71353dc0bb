"""Public sets over a web server on this machine: broken connections, other files, hostile archives."""

import hashlib
import io
import stat
import zipfile
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from portrait_cartoons.cli.config import CONF
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import save_image
from portrait_cartoons.preparation.download import Archive, DownloadError, download, listed
from portrait_cartoons.prepare import main
from tests.preparation.pictures import contents, picture
from tests.server import Server, serving

NAMES = [f"{split}{domain}/{n}.png" for split in ("train", "test") for domain in "AB" for n in range(3)]


def packed(folder: Path, extra: dict[str, bytes] | None = None) -> bytes:
    """A zip file of pictures in the classic layout, and of the other entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n, name in enumerate(NAMES):
            save_image(picture(n), folder / "one.png")
            archive.writestr(f"horses/{name}", (folder / "one.png").read_bytes())
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return file.getvalue()


def offered(server: Server, content: bytes) -> Archive:
    (server.folder / "set.zip").write_bytes(content)
    return Archive(f"{server.address}/set.zip", len(content), hashlib.sha256(content).hexdigest(), "A")


def pictures(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(folder).items() if name.endswith(".png")}


def test_pictures_come_into_the_folders_that_training_reads(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert download(offered(server, packed(tmp_path)), tmp_path / "out") == len(NAMES)
    found = contents(tmp_path / "out")
    folders = {"A": "photo", "B": "cartoon"}
    assert found.keys() == {
        f"{folders[name.split('/')[0][-1]]}/{name.replace('A/', '/').replace('B/', '/')}" for name in NAMES
    }
    save_image(picture(NAMES.index("testB/2.png")), tmp_path / "one.png")
    assert found["cartoon/test/2.png"] == (tmp_path / "one.png").read_bytes()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, ranges: bool) -> None:
    with serving(tmp_path) as server:
        archive = offered(server, packed(tmp_path))
        server.breaks_after, server.ranges = 5000, ranges
        with pytest.raises(DownloadError, match=r"set\.zip cannot be fetched into .*start the same command again"):
            download(archive, tmp_path / "out")
        assert (tmp_path / "out/.download").stat().st_size == 5000
        assert download(archive, tmp_path / "out") == len(NAMES)
        assert [part for _, part in server.requests] == [None, "bytes=5000-"]
        download(archive, tmp_path / "again")
    assert contents(tmp_path / "out") == contents(tmp_path / "again")


@pytest.mark.parametrize("change", ["a bit", "longer", "shorter"])
def test_another_file_is_removed_and_never_unpacked(tmp_path: Path, change: str) -> None:
    with serving(tmp_path) as server:
        content = packed(tmp_path)
        archive = offered(server, content)
        offered(server, {"a bit": content[:-1] + b"\1", "longer": content + b"more", "shorter": content[:-9]}[change])
        with pytest.raises(DownloadError, match=r"is not the file it was|cannot be fetched"):
            download(archive, tmp_path / "out")
    assert not pictures(tmp_path / "out")
    assert (tmp_path / "out/.download").exists() == (change == "shorter")


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def test_what_an_archive_says_about_paths_leads_nowhere(tmp_path: Path) -> None:
    names = [
        "../trainA/out.png", "/trainA/root.png", "horses/trainA/../../out.png", "horses/trainA/.hidden.png",
        "horses/trainA/deep/a.png", "horses\\trainA\\b.png", "horses/elsewhere/c.png", "horses/trainA/d.py",
        "horses/trainA/..", "horses/trainA/e\\..\\f.png",
    ]  # fmt: skip
    with serving(tmp_path) as server:
        file = io.BytesIO(packed(tmp_path, dict.fromkeys(names, b"hostile")))
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(link("horses/trainA/link.png"), "/etc/passwd")
        before = set(contents(tmp_path)) | {"set.zip"}
        count = download(offered(server, file.getvalue()), tmp_path / "out")
    # The first one has the layout of a set, of which only split, domain and name count.
    assert count == len(NAMES) + 1
    assert set(contents(tmp_path)) - before == {f"out/{name}" for name in contents(tmp_path / "out")}
    assert set(contents(tmp_path / "out")) >= {"photo/train/out.png"}
    assert sum(content == b"hostile" for content in contents(tmp_path / "out").values()) == 1


def test_a_bomb_and_an_archive_without_pictures_are_refused(tmp_path: Path) -> None:
    bomb, empty = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("horses/trainA/0.png", b"\0" * 10**7)
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", b"hello")
    with serving(tmp_path) as server:
        for content in (bomb.getvalue(), empty.getvalue(), b"no archive"):
            with pytest.raises(DownloadError, match=r"no set of them|is no zip file"):
                download(offered(server, content), tmp_path / "out")
    assert not pictures(tmp_path / "out")


def test_the_command_fetches_a_listed_set_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as server:
        archive = offered(server, packed(tmp_path))
        (tmp_path / "list.yaml").write_text(yaml.safe_dump({"mine": vars(archive)}))
        monkeypatch.setattr("portrait_cartoons.prepare.DOWNLOADS", tmp_path / "list.yaml")
        assert main(["download=mine", f"output={tmp_path}/out"]) == 0
        with pytest.raises(UserError, match="download=yours: it must be one of mine"):
            main(["download=yours", f"output={tmp_path}/out"])
        with pytest.raises(UserError, match="output is missing"):
            main(["download=mine"])
    assert len(pictures(tmp_path / "out")) == len(NAMES)


def test_the_list_names_what_is_checked() -> None:
    for name in yaml.safe_load((CONF / "downloads.yaml").read_text()):
        archive = listed(name, CONF / "downloads.yaml")
        assert archive.url.endswith(f"/{name}.zip")
        assert archive.size > 10**7
        assert len(archive.sha256) == 64
        assert archive.photos in "AB"
