"""Which device work runs on, and what a reader of a table calls it."""

import os

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
        return (
            torch.device(accelerator.type, int(os.environ.get("LOCAL_RANK", "0")))
            if accelerator
            else torch.device("cpu")
        )
    try:
        found = torch.device(name)
        if found.type not in {"cpu", accelerator.type if accelerator else "cpu"}:
            raise ValueError  # "meta", for example, which computes nothing
        return torch.zeros(0, device=found).device
    except (RuntimeError, AssertionError, ValueError) as error:
        there = f"cpu, {accelerator.type}" if accelerator else "cpu"
        raise DeviceError(f"device={name} is not available on this machine: use auto or one of {there}") from error


def described(device: torch.device) -> str:
    """The name of a GPU, or how many threads compute on a CPU."""
    if device.type == "cpu":
        return f"CPU, threads: {torch.get_num_threads()}"
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
