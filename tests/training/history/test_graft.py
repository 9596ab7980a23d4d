from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training import tiny
from training.config import plain
from training.history.graft import graft_run, main
from training.model import build_model
from training.model.checkpoint import CHECKPOINT, load_network, save_checkpoint

PARTS = ["decoder.fusion", "decoder.fusion_pyramid"]


def run_of(folder: Path, seed: int, normalise: bool = False) -> Path:
    torch.manual_seed(seed)
    config = tiny.config(tiny.settings(normalise=normalise))
    network = build_model(config.model)
    for buffer in network.buffers():
        if buffer.is_floating_point():
            nn.init.uniform_(buffer, 0.5, 2)
    save_checkpoint(
        folder / CHECKPOINT, {"average": network.state_dict(), "config": plain(config), "step": 7}
    )
    return folder


@pytest.mark.parametrize("normalise", [False, True])
def test_the_named_parts_compute_what_the_donors_do_and_nothing_else_changes(
    tmp_path: Path, normalise: bool
) -> None:
    run = run_of(tmp_path / "run", 0, normalise=normalise)
    donor = run_of(tmp_path / "donor", 1)
    main(["--run", str(run), "--part", *PARTS, "--donor", str(donor), "--out", str(tmp_path / "out")])
    before, given, after = (load_network(path) for path in (run, donor, tmp_path / "out"))
    features = [
        torch.rand(1, channels, 64 >> level, 64 >> level)
        for level, channels in enumerate(before.encoder.channels)
    ]
    theirs, ours = (net.get_submodule("decoder.fusion_pyramid")(features) for net in (given, after))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    for name, tensor in before.state_dict().items():
        if name.startswith("decoder.fusion."):
            tensor = given.state_dict()[name]
        if not name.startswith("decoder.fusion_pyramid."):
            torch.testing.assert_close(after.state_dict()[name], tensor, rtol=0, atol=0)


def test_what_cannot_be_grafted_is_named(tmp_path: Path) -> None:
    run, donor = run_of(tmp_path / "run", 0), run_of(tmp_path / "donor", 1)
    normalised = run_of(tmp_path / "normalised", 1, normalise=True)
    with pytest.raises(ValueError, match=r"--part decoder.eyes: .*donor.*run"):
        graft_run(run, donor, ["decoder.eyes"], tmp_path / "out")
    with pytest.raises(ValueError, match=r"--part decoder.fusion_pyramid: .*normalised"):
        graft_run(run, normalised, PARTS, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="nothing"):
        graft_run(run, tmp_path / "nothing", PARTS, tmp_path / "out")
    assert not (tmp_path / "out").exists()
