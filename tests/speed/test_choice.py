"""The way of a run is the one in which it ends soonest; what was tried is remembered, and short runs try nothing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed, plain
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed import choice
from portrait_cartoons.speed.choice import Timings, candidates, choose, fastest
from portrait_cartoons.speed.steps import Laps
from portrait_cartoons.speed.way import PLAIN, Way
from tests.conftest import TINY, TOY

HALF = Way("bf16-mixed")
FAST = Way("bf16-mixed", compile=True, memory_format="channels_last")
LONG = 10**6

Trial = Callable[..., Way]


@pytest.fixture(scope="module")
def model() -> Translator:
    return build_model(composed("train", ["model=cyclegan", *TOY, *TINY]))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Way]:
    """The ways that were tried, on a machine that takes for each the seconds below; compiling takes 50."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choice, "candidates", lambda _: [PLAIN, HALF, FAST])
    monkeypatch.setattr(choice, "SMALL", 0)
    ways: list[Way] = []

    def timed(model: Translator, batch: Any, options: Any, way: Way, count: int) -> Laps:
        ways.append(way)
        return Laps([50.0] + [{PLAIN: 1.0, HALF: 0.8, FAST: 0.4}[way]] * (count - 1))

    monkeypatch.setattr(choice, "timed_steps", timed)
    return ways


def options(*overrides: str) -> Mapping[str, Any]:
    return plain(composed("train", ["trainer.accelerator=cpu", *overrides]))["trainer"]


def test_a_long_run_takes_the_fastest_and_says_how_much_faster_it_is(
    model: Translator, tried: list[Way], capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(options(), model, 16, 1, LONG) == FAST
    assert tried == [PLAIN, HALF, FAST]
    trying, *each, found = capsys.readouterr().out.splitlines()
    assert trying.startswith("trying out which way")
    assert each == [
        "float32, eager: 1 s a step",
        "bf16, eager: 0.8 s a step",
        "bf16, compiled, channels_last: 0.4 s a step",
    ]
    assert found == "bf16, compiled, channels_last: 2.5 times the plain step"
    choose(options(), model, 16, 1, LONG)
    assert capsys.readouterr().out == f"{found}\n"


@pytest.mark.parametrize(("seconds", "steps"), [(4.9, [4, 4, 4]), (5.1, [4, 2, 2])])
def test_few_steps_are_enough_where_each_takes_long(
    model: Translator, tried: list[Way], monkeypatch: pytest.MonkeyPatch, seconds: float, steps: list[int]
) -> None:
    counts: list[int] = []

    def timed(model: Translator, batch: Any, options: Any, way: Way, count: int) -> Laps:
        counts.append(count)
        return Laps([seconds] * count)

    monkeypatch.setattr(choice, "timed_steps", timed)
    choose(options(), model, 16, 1, LONG)
    assert counts == steps


def test_what_was_tried_is_remembered_for_the_same_model_alone(model: Translator, tried: list[Way]) -> None:
    choose(options(), model, 16, 1, LONG)
    tried.clear()
    assert choose(options(), model, 16, 1, LONG) == FAST
    assert not tried
    choose(options(), model, 32, 1, LONG)
    assert tried


def test_a_run_in_which_compiling_cannot_pay_does_not_try_it(model: Translator, tried: list[Way]) -> None:
    assert choose(options(), model, 16, 1, 400) == HALF  # it would save little more than the trial takes
    assert tried == [PLAIN, HALF]
    assert choose(options(), model, 16, 1, LONG) == FAST
    assert tried == [PLAIN, HALF, FAST]


def test_a_short_or_small_run_tries_nothing(
    model: Translator, tried: list[Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(options(), model, 16, 1, choice.LEAST_STEPS - 1) == PLAIN
    monkeypatch.setattr(choice, "SMALL", 1e13)
    assert choose(options(), model, 16, 1, 1000) == PLAIN
    assert not tried


def test_what_is_given_is_not_tried_otherwise(model: Translator, tried: list[Way]) -> None:
    assert choose(options("trainer=exact"), model, 16, 1, LONG) == PLAIN
    assert choose(options("trainer.compile=true"), model, 16, 1, LONG) == FAST
    odd = Way("32-true", compile=True, memory_format="channels_last")
    given = ("trainer.precision=32-true", "trainer.compile=true", "trainer.memory_format=channels_last")
    assert choose(options(*given), model, 16, 1, LONG) == odd
    assert not tried


def test_what_is_hardly_faster_is_not_worth_it(
    model: Translator, tried: list[Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "candidates", lambda _: [PLAIN, HALF])
    monkeypatch.setattr(choice, "WORTH_IT", 0.79)
    assert choose(options(), model, 16, 1, LONG) == PLAIN
    monkeypatch.setattr(choice, "WORTH_IT", 0.81)
    assert choose(options(), model, 16, 1, LONG) == HALF


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"steps": [{"way": 1, "seconds": 1}], "compiling": 1}'])
def test_a_damaged_memory_is_no_memory(model: Translator, tried: list[Way], content: str) -> None:
    choose(options(), model, 16, 1, LONG)
    [file] = choice.FOLDER.iterdir()
    file.write_text(content)
    tried.clear()
    choose(options(), model, 16, 1, LONG)
    assert tried == [PLAIN, HALF, FAST]


def test_without_fast_bf16_all_stays_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    ways = candidates(torch.device("cpu"))
    assert ways[0] == PLAIN
    assert {way.precision for way in ways} == {"32-true"}


def test_a_real_trial_leaves_the_model_and_the_random_numbers_alone(
    model: Translator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choice, "SMALL", 0)
    monkeypatch.setattr(choice, "candidates", lambda _: [PLAIN, HALF])
    before = {name: value.clone() for name, value in model.named_parameters()}
    state = torch.get_rng_state()
    choose(options(), model, 16, 1, LONG)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
    assert [file.suffix for file in choice.FOLDER.iterdir()] == [".json"]


@given(
    st.dictionaries(st.sampled_from([PLAIN, HALF, FAST]), st.floats(1e-3, 1e2), min_size=1),
    st.floats(1, 1e3),
    st.integers(1, 10**6),
)
def test_compiling_is_chosen_only_where_it_pays_within_the_run(
    steps: dict[Way, float], compiling: float, count: int
) -> None:
    timings = Timings(steps, compiling)
    best = fastest([way for way in (PLAIN, HALF, FAST) if way in steps], timings, count)
    others = [seconds for way, seconds in steps.items() if not way.compile]
    if best.compile and others:
        assert count * (min(others) - steps[best]) >= compiling * (1 - 1e-6)
