import pytest
import torch

from portrait_cartoons.devices import DeviceError, described, device, free_memory


@pytest.mark.parametrize("name", ["meta", "tpu", "cuda:99", "xpu", "cpu:x", "nonsense", ""])
def test_a_device_that_cannot_compute_here_is_one_sentence(name: str) -> None:
    with pytest.raises(DeviceError, match=rf"^device={name} is not available on this machine: use auto or one of cpu"):
        device(name)


def test_auto_is_the_cpu_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: None)
    assert device("auto") == device("cpu") == torch.device("cpu")


def test_each_process_takes_its_own_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda"))
    assert device("auto") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device("auto") == torch.device("cuda", 3)


def test_a_cpu_is_described_by_its_threads() -> None:
    assert described(torch.device("cpu")) == f"CPU, threads: {torch.get_num_threads()}"


def test_free_memory_is_a_plausible_number_of_bytes_or_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_memory()
    assert free is None or 2**20 < free < 2**50
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_text", lambda *_: "MemAvailable:    2048 kB\n")
        assert free_memory() == 2048 * 1024
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_text", lambda *_: "")
        assert free_memory() is None
