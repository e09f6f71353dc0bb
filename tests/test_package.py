"""The wheel: what is installed from it works from any folder, without the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.conftest import TINY, TOY

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel installed and sees the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def run(python: Path, folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_holds_all_of_the_package_and_its_configuration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "portrait_cartoons"
    sources = [
        file for pattern in ("*.py", "*.html", "*.safetensors", "styles/*.md") for file in package.rglob(pattern)
    ]
    assert len(sources) > 50
    assert {f"portrait_cartoons/{file.relative_to(package).as_posix()}" for file in sources} <= names
    assert {
        f"portrait_cartoons/{file.relative_to(ROOT).as_posix()}" for file in (ROOT / "conf").rglob("*.yaml")
    } <= names
    assert not [name for name in names if name.startswith(("src/", "tests/"))]


@pytest.mark.slow
def test_what_is_installed_trains_and_translates_in_any_folder(python: Path, tmp_path: Path) -> None:
    entry = "import importlib.metadata as m; (e,) = m.entry_points(name='portrait-cartoons'); e.load()()"
    assert "translate" in run(python, tmp_path, "-c", entry, "--help")
    overrides = ["model=cyclegan", *TOY, *TINY, "model.epochs=1", "run_dir=run"]
    run(python, tmp_path, "-c", entry, "train", *overrides)
    program = """if True:
        import numpy, portrait_cartoons
        from portrait_cartoons import Cartoonizer
        photo = numpy.zeros((20, 30, 3), numpy.uint8)
        print(Cartoonizer.load("run", device="cpu").translate(photo).shape, portrait_cartoons.__file__)
    """
    printed = run(python, tmp_path, "-c", program)
    assert printed.startswith("(20, 30, 3) ")
    assert str(python.parent.parent) in printed


@pytest.mark.parametrize("command", ["train", "translate"])
def test_the_files_of_a_checkout_run_as_scripts_from_any_folder(command: str, tmp_path: Path) -> None:
    assert f"src.{command}" in run(Path(sys.executable), tmp_path, str(ROOT / "src" / f"{command}.py"), "--help")
