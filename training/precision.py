"""Choose the precision that a device computes fast in."""

from __future__ import annotations

import torch


def fast_autocast(device: torch.device, wanted: bool = True, cache: bool = True) -> torch.autocast:
    """Return a context that computes in bfloat16 where `wanted` and the device has instructions for it.

    `cache` keeps weights once they are converted; a CUDA graph must convert them at every replay.

    Elsewhere it changes nothing. A processor without them computes in bfloat16 all the same, but one step of
    the network then takes ten times as long as in float32 (docs/benchmarks.md).
    """
    fast = wanted and has_fast_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast, cache_enabled=cache)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Say whether `device`, a processor or an NVIDIA GPU, has instructions for bfloat16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # What torch's own compiler asks; there is no public name for it.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
