"""Compiled networks: training goes on where compiling fails, and a resumed run computes what it computed before."""

import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from torch import nn
from torch.utils.data import DataLoader

from portrait_cartoons.speed import trainer
from portrait_cartoons.speed.steps import NOTHING_ELSE, made_up
from portrait_cartoons.speed.way import Way
from tests.conftest import Command
from tests.runs.test_resume import BATCHES, EPOCHS, RUN, assert_same_run, recording, resume
from tests.speed.test_reference import SIZE, options, with_phases

FAST = ("trainer.precision=bf16-mixed", "trainer.compile=true", "trainer.memory_format=channels_last")


def test_a_compiler_that_fails_is_told_of_once_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Callable[..., Any]:
        raise RuntimeError("no C++ compiler\nand a long trace")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda _: fail)
    trainer._inductor.cache_clear()
    pictures = torch.rand(1, 3, 8, 8)
    for _ in range(2):
        network = nn.Conv2d(3, 3, 3)
        expected = network(pictures)
        trainer.compile_network(network)
        assert torch.equal(network(pictures), expected)
    trainer._inductor.cache_clear()
    assert capsys.readouterr().err == "compiling failed, so training goes on without it: no C++ compiler\n"


@pytest.mark.parametrize(("name", "graphs"), [("cyclegan", [4]), ("cartoongan", [3, 5]), ("selfiegan", [3, 4, 8])])
def test_only_the_first_step_of_a_phase_compiles_and_only_what_is_new_in_it(
    name: str, graphs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CartoonGAN's second phase adds its discriminator with and without gradients, and compiles no generator anew."""
    compiled: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., Any]:
        compiled.append(graph)
        return graph.forward

    monkeypatch.setattr(trainer, "_inductor", lambda: count)
    torch._dynamo.reset()
    model = with_phases(name)
    model.plan |= {phase: replace(part, epochs=1) for phase, part in model.plan.items()}
    found: list[list[int]] = [[] for _ in graphs]
    note = LambdaCallback(on_train_batch_end=lambda run, *_: found[run.current_epoch].append(len(compiled)))
    keys = {**options(Way(compile=True)), **NOTHING_ELSE, "max_epochs": len(graphs)}
    del keys["_target_"]
    batches: Any = [made_up(model, SIZE, 2)] * 3
    trainer.Trainer(**keys, callbacks=[note]).fit(model, DataLoader(batches, batch_size=None))
    assert found == [[count] * 3 for count in graphs]


@pytest.mark.slow
def test_a_stopped_run_with_compiled_networks_goes_on_to_the_last_bit(command: Command, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    run = (*RUN, *FAST)
    child = command("train", *run, f"model.epochs={EPOCHS}", folder=whole, prepare=recording)
    assert child.exitcode == 0, (whole / "output.txt").read_text()
    kill = (signal.SIGTERM, BATCHES + 4)
    command("train", *run, f"model.epochs={EPOCHS}", folder=stopped, prepare=partial(recording, kill))
    resume(command, stopped)
    assert_same_run(stopped, whole)
    assert "compiling failed" not in (whole / "output.txt").read_text()
