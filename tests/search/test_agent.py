"""A search does what is missing, and nothing else."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from portrait_cartoons.runs.lock import locked
from portrait_cartoons.runs.names import CHECKPOINTS, METRICS
from portrait_cartoons.search import agent, session
from portrait_cartoons.search.child import ran
from portrait_cartoons.search.file import EarlyTerminate, Search, SweepError, read
from portrait_cartoons.search.halving import hopeless
from portrait_cartoons.search.plan import planned
from portrait_cartoons.search.record import Folder, Record
from tests.conftest import Command
from tests.models.test_smoke import tiny
from tests.search.test_file import GRID, RANGE, changed, written


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of all trainings, which fail where cycle is 10 and identity 1, and are done in no time."""
    seen: list[list[str]] = []

    def fake(arguments: list[str], log: Path, enough: Callable[[], bool] = lambda: False) -> int:
        seen.append(arguments)
        run = Path(arguments[-1].partition("=")[2])
        run.mkdir(exist_ok=True)
        log.write_text("error: no luck\nbye\n")
        (run / METRICS).write_text(f"step,epoch,val/fid\n1,0,{len(seen)}\n2,1,{10 + len(seen)}\n3,2,nan\n")
        return 2 if "loss.g.cycle=10" in arguments and "loss.g.identity=1" in arguments else 0

    monkeypatch.setattr(agent, "ran", fake)
    return seen


def begun(tmp_path: Path, content: dict[str, Any], runs: int | None = None) -> tuple[Search, Folder]:
    search, folder = read(written(tmp_path, content), runs), Folder(tmp_path / "search")
    folder.begin(search, [])
    return search, folder


def test_each_run_is_trained_once_and_one_that_fails_is_repeated(
    tmp_path: Path, trained: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    search, folder = begun(tmp_path, GRID)
    agent.work(search, folder, ["model=cyclegan"])
    records = folder.records()
    assert [r.state for r in records.values()] == ["finished"] * 4 + ["failed", "finished"]
    assert [r.metric for r in records.values()] == [1, 2, 3, 4, 5, 6]
    assert records[5].reason == "no luck"
    assert trained[0] == ["train", "model=cyclegan", "loss.g.cycle=5", "loss.g.identity=0", f"run_dir={folder.run(1)}"]
    assert "run 5 of 6: loss.g.cycle=10 loss.g.identity=1;" in (told := capsys.readouterr().out)
    assert "failed: no luck" in told

    trained.clear()
    agent.work(search, folder, ["model=cyclegan"])
    assert [arguments[-1] for arguments in trained] == [f"run_dir={folder.run(5)}"]


def test_a_run_that_was_stopped_is_continued_with_its_values(tmp_path: Path, trained: list[list[str]]) -> None:
    search, folder = begun(tmp_path, GRID, 1)
    folder.keep(1, Record(values={"loss.g.cycle": 7}, state="running"))
    (folder.run(1) / CHECKPOINTS).mkdir(parents=True)
    (folder.run(1) / CHECKPOINTS / "last.ckpt").touch()
    agent.work(search, folder, [])
    assert trained == [["train", f"resume={folder.run(1)}"]]
    assert folder.records()[1].values == {"loss.g.cycle": 7}


def test_a_run_that_another_process_is_at_is_left_alone(
    tmp_path: Path, trained: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    search, folder = begun(tmp_path, GRID, 3)
    folder.run(2).mkdir()
    ready, done = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        with locked(folder.path, ".001.claim"), locked(folder.run(2)):  # a search, and a training left of another
            os.write(ready[1], b"x")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    session.finish(search, folder.path, [])
    os.write(done[1], b"x")
    os.waitpid(child, 0)
    assert [arguments[-1] for arguments in trained] == [f"run_dir={folder.run(3)}"]
    assert "other processes are at 2 of the runs" in capsys.readouterr().out


def test_a_folder_belongs_to_one_search(tmp_path: Path) -> None:
    search, folder = begun(tmp_path, GRID)
    folder.begin(read(search.file, 3), [])  # fewer runs are no other search
    with pytest.raises(SweepError, match="holds another search"):
        folder.begin(search, ["seed=1"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(SweepError, match="holds other files"):
        Folder(tmp_path / "full").begin(search, [])


@pytest.mark.parametrize("content", [b"", b"{}", b'{"values": 1}', b"\xff"])
def test_a_damaged_record_counts_as_missing(tmp_path: Path, trained: list[list[str]], content: bytes) -> None:
    search, folder = begun(tmp_path, GRID, 1)
    (folder.path / "001.json").write_bytes(content)
    agent.work(search, folder, [])
    assert folder.records()[1].state == "finished"


@pytest.mark.parametrize(
    ("ours", "ends"),
    [([9.0], False), ([9.0, 9.0], True), ([1.0, 9.0], False), ([9.0, 9.0, 9.0], True), ([5.0] * 4, True)],
)
def test_halving_keeps_the_best_third_of_those_that_reached_the_band(ours: list[float], ends: bool) -> None:
    rule = EarlyTerminate(type="hyperband", min_iter=2, eta=3)
    assert rule.bands[:3] == [2, 6, 18]
    assert EarlyTerminate(type="hyperband", max_iter=27, s=2, eta=3).bands == [3, 9]
    assert hopeless(rule, ours, [[4.0, 3.0], [6.0, 5.0, 2.0], [1.0]]) == ends
    assert not hopeless(rule, [9.0] * 5, [])


def test_a_hopeless_run_is_ended_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search, folder = begun(tmp_path, changed(early_terminate={"type": "hyperband", "min_iter": 1}), 2)

    def fake(arguments: list[str], log: Path, enough: Callable[[], bool]) -> int:
        run = Path(arguments[-1].partition("=")[2])
        run.mkdir()
        (run / METRICS).write_text(f"step,val/fid\n1,{run.name}\n")
        return 143 if enough() else 0

    monkeypatch.setattr(agent, "ran", fake)
    agent.work(search, folder, [])
    assert [r.state for r in folder.records().values()] == ["finished", "ended early"]


def test_bayes_goes_where_runs_were_good(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    parameters = {"x": RANGE, "y": {"values": ["good", "bad"]}}
    sweep = read(written(tmp_path, changed(method="bayes", parameters=parameters)), 40).sweep
    records: dict[int, Record] = {}
    for number in range(1, 41):
        values = planned(sweep, number, records)
        metric = abs(values["x"] - 5) + (values["y"] == "bad")
        records[number] = Record(values=values, state="finished", metric=metric)
    late = [records[n] for n in range(21, 41)]
    assert sum(record.values["y"] == "good" for record in late) > 14
    assert sum(3 < record.values["x"] < 7 for record in late) > 8
    assert planned(sweep, 41, records) == planned(sweep, 41, records)


def test_a_command_gets_sigterm_where_it_is_hopeless(tmp_path: Path) -> None:
    assert ran(["validate", "--help"], tmp_path / "log.txt") == 0
    assert "Report every problem" in (tmp_path / "log.txt").read_text()


@pytest.mark.slow
def test_a_search_killed_in_the_middle_does_only_what_is_missing(command: Command, tmp_path: Path) -> None:
    small = [text for text in tiny("pix2pix") if not text.startswith(("run_dir=", "model.epochs="))]
    words = ["-m", "src.train", "logger=wandb", "model.epochs=8", *small, "${args_no_hyphens}"]
    weights = {"loss.g.l1": {"values": [0.5, 5, 50]}, "seed": {"values": [1]}}
    metric = {"name": "val/target/psnr", "goal": "maximize"}
    written(tmp_path, changed(command=words, parameters=weights, metric=metric))
    arguments = ("sweep.yaml", "metrics.features=random", "output=search")
    first = command("sweep", *arguments, folder=tmp_path, wait=False)
    folder, end = Folder(tmp_path / "search"), monotonic() + 300
    while not any((folder.run(2) / CHECKPOINTS).glob("*.ckpt")):
        assert first.is_alive(), (tmp_path / "output.txt").read_text()
        assert monotonic() < end
        sleep(0.05)
    os.kill(first.pid or 0, signal.SIGKILL)
    first.join()
    while True:  # until the training that was left has saved its state
        with folder.claimed(2) as free:
            if free:
                break
        sleep(0.05)
    before = (folder.run(1) / METRICS).stat().st_mtime_ns
    assert (folder.records()[1].state, folder.records()[2].state) == ("finished", "running")

    again = command("sweep", *arguments, folder=tmp_path, wait=False)
    again.join(400)
    text = (tmp_path / "output.txt").read_text()
    assert again.exitcode == 0, text
    assert (folder.run(1) / METRICS).stat().st_mtime_ns == before
    assert [r.state for r in folder.records().values()] == ["finished"] * 3
    assert "resuming from" in folder.log(2).read_text()
    table = (folder.path / "table.csv").read_text().splitlines()
    assert table[0].startswith("run,loss.g.l1,seed,val/target/psnr,")
    assert sorted(line.split(",")[:3] for line in table[1:4]) == [
        ["001", "0.5", "1"], ["002", "5", "1"], ["003", "50", "1"],
    ]  # fmt: skip
    assert json.loads((folder.path / "evaluation/report.json").read_text())["rows"]
