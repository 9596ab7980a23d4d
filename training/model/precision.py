"""Choose the precision in which a device computes fast."""

from __future__ import annotations

import platform

import torch


def fast_autocast(device: torch.device, wanted: bool = True, cache: bool = True) -> torch.autocast:
    """Return a context that computes in bfloat16 if `wanted` and the device has instructions for it.

    Otherwise it changes nothing: a processor without them can compute in bfloat16, but much more slowly than
    in float32. `cache` keeps converted weights; a CUDA graph must convert them at every replay.
    """
    fast = wanted and has_fast_bfloat16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast, cache_enabled=cache)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Say whether `device`, a processor or an NVIDIA GPU, has instructions for bfloat16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public names for these; its own compiler uses them, too.
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
