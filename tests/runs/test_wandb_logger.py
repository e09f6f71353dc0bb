import json
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import wandb
from PIL import Image
from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.names import DIFF, ENVIRONMENT
from portrait_cartoons.runs.wandb_logger import WandB, wandb_problem

KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user whom W&B does not know, and a network that nobody answers on."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_SWEEP_ID", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    yield
    wandb.teardown()  # it remembers settings


def records(folder: Path) -> list[Record]:
    """What W&B's files in a run folder hold, in the order of the runs: they are logs in the format of LevelDB."""
    wandb.teardown()  # its service has written all when it has ended
    found, block = [], 2**15
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        data, place, content = file.read_bytes(), 7, b""
        while place + 7 <= len(data):
            if (left := block - place % block) < 7:
                place += left
                continue
            _, length, kind = struct.unpack_from("<IHB", data, place)
            content += data[place + 7 : place + 7 + length]
            place += 7 + length
            if kind in (1, 4):  # a whole record, or the end of one
                found.append(Record.FromString(content))
                content = b""
    return found


def history(folder: Path) -> list[dict[str, Any]]:
    rows = [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records(folder)
        if record.HasField("history")
    ]
    return [{key: value for key, value in row.items() if not key.startswith("_")} for row in rows]


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something that answers in W&B's place."""
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()


def test_without_a_key_one_line_says_that_the_log_stays_here(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logger = WandB(tmp_path, "p")
    logger.log_metrics({"loss": 1.0}, 1)
    logger.finalize("success")
    notes = [line for line in capfd.readouterr().out.splitlines() if line.startswith("note:")]
    assert len(notes) == 1
    assert notes[0].startswith("note: logger=wandb: this machine has no W&B key (wandb login sets one), so the log")
    assert history(tmp_path) == [{"loss": 1.0, "trainer/global_step": 1}]


def test_without_a_network_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    problem = wandb_problem("online")
    assert problem is not None
    assert problem.startswith("http://127.0.0.1:9 does not answer (")
    assert "\n" not in problem


def test_a_key_and_an_answer_are_enough(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_problem(None) is None


def test_a_server_that_refuses_is_one_sentence(server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with pytest.raises(UserError, match=r"W&B refuses the run .* logger\.wandb\.mode=offline") as refused:
        WandB(tmp_path, "p").log_metrics({"loss": 1.0}, 1)
    assert "\n" not in str(refused.value)


def test_a_key_that_login_left_is_found(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1:9 login user password {KEY}\n")
    assert "does not answer" in str(wandb_problem(None))


@pytest.mark.parametrize("mode", ["offline", "disabled", "dryrun"])
def test_nothing_is_asked_where_nothing_is_sent(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wandb_problem(mode) is None
    monkeypatch.setenv("WANDB_MODE", mode)
    assert wandb_problem(None) is None


def test_disabled_leaves_nothing_but_the_id(tmp_path: Path) -> None:
    logger = WandB(tmp_path, "p", mode="disabled")
    logger.log_hyperparams({"a": 1})
    logger.log_metrics({"loss": 1.0}, 1)
    logger.finalize("success")
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["id.txt"]


def test_a_resumed_run_goes_on_in_the_run_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    first = WandB(tmp_path / "run", "p", mode="offline")
    assert first.version
    assert WandB(tmp_path / "run", "p", mode="offline").version == first.version
    (tmp_path / "other").mkdir()
    assert WandB(tmp_path / "other", "p", mode="offline").version != first.version
    monkeypatch.setenv("WANDB_SWEEP_ID", "s")  # a sweep's agent names the run itself
    assert WandB(tmp_path / "run", "p", mode="offline").version is None


def test_what_wandb_gets_of_a_run_and_of_its_continuation(tmp_path: Path) -> None:
    (tmp_path / ENVIRONMENT).write_text("commit: abc\nuncommitted_changes: true\n")
    (tmp_path / DIFF).write_text("+ a line\n")
    picture = tmp_path / "epoch_0001.png"
    Image.new("RGB", (2, 2)).save(picture)
    for step in (1, 2):
        logger = WandB(tmp_path, "p", mode="offline")
        logger.log_hyperparams({"seed": 7})
        logger.log_metrics({"train/g": 0.5, "val/fid": 9.0, "epoch": 0}, step)
        logger.log_image("samples", [str(picture)], step, caption=["epoch 1"])
        logger.finalize("success")
    kept = records(tmp_path)
    assert {record.run.run_id for record in kept if record.HasField("run")} == {(tmp_path / "wandb/id.txt").read_text()}
    update = [u for r in kept for u in (*r.run.config.update, *r.config.update)]
    config = {u.key or "/".join(u.nested_key): json.loads(u.value_json) for u in update}
    assert config["seed"] == 7
    assert config["environment"] == {"commit": "abc", "uncommitted_changes": True}
    axes = {m.glob_name or m.name: m.step_metric for r in kept if r.HasField("metric") for m in [r.metric]}
    assert axes["*"] == "trainer/global_step"
    assert axes["val/*"] == axes["baseline/*"] == "epoch"
    rows = history(tmp_path)
    assert [row["trainer/global_step"] for row in rows] == [1, 1, 2, 2]
    assert rows[1]["samples/captions"] == ["epoch 1"]
    assert len(list(tmp_path.glob("wandb/offline-run-*/files/media/images/samples*.png"))) == 2
    assert len(list(tmp_path.glob(f"wandb/offline-run-*/files/{DIFF}"))) == 2
