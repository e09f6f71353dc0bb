"""Which device work runs on, and what a reader of a table calls it."""

import os
import re
from contextlib import suppress
from pathlib import Path

import torch

from portrait_cartoons.errors import UserError


class DeviceError(UserError):
    """A device that this machine does not have."""


def device(name: str) -> torch.device:
    """The device of that name; "auto" is the accelerator where there is one, else the CPU.

    Of several accelerators, each process that torchrun started takes its own. Raises DeviceError.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return torch.device(accelerator.type, _local_rank()) if accelerator else torch.device("cpu")
    try:
        found = torch.device(name)
        if found.type not in {"cpu", accelerator.type if accelerator else "cpu"}:
            raise ValueError  # "meta", for example, which computes nothing
        return torch.zeros(0, device=found).device
    except (RuntimeError, AssertionError, ValueError) as error:
        there = f"cpu, {accelerator.type}" if accelerator else "cpu"
        raise DeviceError(f"device={name} is not available on this machine: use auto or one of {there}") from error


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 faster than in float32."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def free_memory() -> int | None:
    """Bytes of main memory that a program can still get; None where the system does not say (it is not Linux)."""
    found: list[int] = []
    with suppress(OSError, TypeError):
        available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        found.append(1024 * int(available[1]))  # type: ignore[index]
    with suppress(OSError, ValueError):  # a container's limit, where there is one
        group = Path("/sys/fs/cgroup")
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return min(found, default=None)


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def described(device: torch.device) -> str:
    """The name of a GPU, or how many threads compute on a CPU."""
    if device.type == "cpu":
        return f"CPU, threads: {torch.get_num_threads()}"
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
