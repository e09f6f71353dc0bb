"""torch.export programs: they run with torch alone, in Python or compiled ahead of time, for pictures of any size."""

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from portrait_cartoons.networks.padding import Padded

METADATA = "portrait_cartoons.json"  # a file inside the archive

# What torch notes about where each step comes from: the paths of this machine.
_TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn")


def program(padded: Padded) -> ExportedProgram:
    """The network's graph for any number of pictures of any height and width."""
    sides: dict[int, Any] = {0: Dim("batch", min=1), 2: Dim("height", min=1), 3: Dim("width", min=1)}
    exported = torch.export.export(padded.eval(), (torch.zeros(2, 3, 65, 67),), dynamic_shapes=(sides,))
    for module in exported.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            for trace in _TRACES:
                node.meta.pop(trace, None)
    return exported


def encoded(padded: Padded, metadata: Mapping[str, str]) -> bytes:
    """The file's bytes."""
    buffer = io.BytesIO()
    torch.export.save(program(padded), buffer, extra_files={METADATA: json.dumps(dict(metadata))})
    return buffer.getvalue()


def opened(data: bytes) -> nn.Module:
    """The network of a file that `encoded` made; those of others are not to be trusted."""
    return torch.export.load(io.BytesIO(data)).module()
