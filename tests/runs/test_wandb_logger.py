from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import wandb

from portrait_cartoons.errors import UserError
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


def test_without_a_key_one_sentence_offers_the_way_out(tmp_path: Path) -> None:
    sentence = "logger=wandb: this machine has no W&B key; run wandb login first, or .* logger.wandb.offline=true"
    with pytest.raises(UserError, match=sentence) as caught:
        WandB(tmp_path, "p", offline=False).log_hyperparams({"a": 1})
    assert "\n" not in str(caught.value)


def test_without_a_network_one_sentence_offers_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    problem = wandb_problem(offline=False)
    assert problem is not None
    assert problem.startswith("logger=wandb: http://127.0.0.1:9 does not answer (")
    assert problem.endswith("logger.wandb.offline=true")
    assert "\n" not in problem


def test_a_key_and_an_answer_are_enough(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_problem(offline=False) is None


def test_a_key_that_login_left_is_found(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1:9 login user password {KEY}\n")
    assert "does not answer" in str(wandb_problem(offline=False))


@pytest.mark.parametrize("mode", ["offline", "disabled", "dryrun"])
def test_nothing_is_asked_where_nothing_is_sent(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wandb_problem(offline=True) is None
    monkeypatch.setenv("WANDB_MODE", mode)
    assert wandb_problem(offline=False) is None


def test_a_resumed_run_goes_on_in_the_run_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    first = WandB(tmp_path / "run", "p", offline=True)
    assert first.version
    assert WandB(tmp_path / "run", "p", offline=True).version == first.version
    (tmp_path / "other").mkdir()
    assert WandB(tmp_path / "other", "p", offline=True).version != first.version
    monkeypatch.setenv("WANDB_SWEEP_ID", "s")  # a sweep's agent names the run itself
    assert WandB(tmp_path / "run", "p", offline=True).version is None


@pytest.mark.slow
def test_two_runs_of_one_program_are_two_in_wandb(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        logger = WandB(tmp_path / name, "p", offline=True)
        logger.log_metrics({"loss": 1.0}, 1)
        ids.append(logger.experiment.id)
        logger.finalize("success")
        assert ids[-1] == (tmp_path / name / "wandb" / "id.txt").read_text()
        assert list((tmp_path / name).glob("wandb/offline-run-*/*.wandb"))
    assert ids[0] != ids[1]
