"""Fixtures that several tests share."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import forkserver, get_context, set_start_method
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from hypothesis import settings

from tests.guards import leaves_nothing_running  # noqa: F401

pytest_plugins = ["pytester"]

os.environ["WANDB_MODE"] = "offline"
os.environ["OMP_NUM_THREADS"] = "1"  # on a busy machine threads that wait for each other take fifty times as long

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

TINY = (
    "data.size=16",
    "data.load_size=18",
    "data.num_workers=0",
    "data.val_batch_size=4",
    "model.generator.width=4",
    "model.generator.blocks=1",
    "model.discriminator.width=4",
    "model.discriminator.layers=2",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
)
TOY = ("data=toy", "data.source.train=6", "data.source.val=4", "data.source.test=4")

Command = Callable[..., ForkServerProcess]


def run_command(module: str, arguments: Sequence[str], folder: Path, prepare: Callable[[], None] | None) -> None:
    """What the child does: `python -m src.<module> <arguments>` in `folder`, its output in `folder`/output.txt."""
    import torch

    from portrait_cartoons.cli.start import start

    assert "tests.preload" in sys.modules, "python -c 'import src, tests.preload' fails"  # a fork server keeps it quiet
    set_start_method("fork", force=True)  # as in a program of its own
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts programs in the background without it
    torch.set_num_threads(1)
    os.environ.pop("WANDB_SERVICE", None)  # that of a test in the parent, which may be gone
    os.chdir(folder)
    output = (folder / "output.txt").open("a")
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    sys.argv = [f"src.{module}", *arguments]
    if prepare:
        prepare()
    start(module)


@pytest.fixture(scope="session")
def command() -> Iterator[Command]:
    """Starts an entry point as a process of its own, forked from one that has imported everything already."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["src", "tests.preload"])  # the first makes the package importable
    forkserver.ensure_running()  # now, because it finds modules from the folder it is started in
    children: list[ForkServerProcess] = []

    def start(
        module: str, *arguments: str, folder: Path, prepare: Callable[[], None] | None = None, wait: bool = True
    ) -> ForkServerProcess:
        child = context.Process(target=run_command, args=(module, arguments, folder, prepare))
        child.start()
        children.append(child)
        if wait:
            child.join(120)
        return child

    yield start
    for child in children:
        if child.is_alive():
            os.kill(child.pid or 0, signal.SIGKILL)
