"""Files of weights that others trained: fetched once, checked at every load, read without trusting them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from portrait_cartoons.errors import UserError
from portrait_cartoons.networks import torch_file


class WeightsError(UserError):
    """Weights that cannot be had, are damaged or belong to another network; the sentence names the file."""


def published(url: str, what: str, ways_out: str) -> Path:
    """The genuine file of weights published at `url`, from torch.hub's cache or downloaded into it.

    Args:
        url: its last part ends in `-<the beginning of the file's sha256>.<suffix>`, as torch's own weights do.
        what: what the file is, for errors: "the VGG weights".
        ways_out: what the user can do without it, for errors: "name a copy with ...=<file>".

    Raises:
        WeightsError: it cannot be downloaded, or the file there is not the genuine one.
    """
    file = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    sha256 = file.stem.rpartition("-")[2]
    if not file.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), hash_prefix=sha256)
        except (OSError, RuntimeError) as error:
            raise WeightsError(
                f"{what} cannot be downloaded ({error}); put {file.name} at {file}, {ways_out}"
            ) from error
    return genuine(file, sha256, what, ways_out)


def genuine(file: Path, sha256: str, what: str, ways_out: str) -> Path:
    """The file itself, once its sha256 is seen to begin with `sha256`. torch.hub never hashes a cached file again.

    Raises:
        WeightsError: it cannot be read or is another file.
    """
    try:
        digest = file_sha256(file)
    except OSError as error:
        raise WeightsError(f"{what} cannot be read: {file} ({error.strerror}); {ways_out}") from error
    if not digest.startswith(sha256):
        raise WeightsError(
            f"{file} is not the genuine file of {what}: its sha256 begins with {digest[:8]} instead of {sha256};"
            f" delete it, {ways_out}"
        )
    return file


def file_sha256(file: Path) -> str:
    """The hash of a file's bytes, in hexadecimal digits. Raises OSError for one that cannot be read."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def state_dict(file: Path, what: str, ways_out: str) -> Mapping[str, Any]:
    """What a file of weights holds by name; of a training checkpoint, its state dict. Nothing in it is executed.

    Raises:
        WeightsError: it cannot be read or holds something else.
    """
    try:
        content = torch_file.load(file, sealed=False)
    except torch_file.TorchFileError as error:
        raise WeightsError(f"{what} cannot be read: {file} ({error}); {ways_out}") from error
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise WeightsError(f"{file} holds no state dict, so it cannot be {what}; {ways_out}")
    return content
