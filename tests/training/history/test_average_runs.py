from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from tests.training import tiny
from training.history.average_runs import main
from training.model.checkpoint import CHECKPOINT, load_checkpoint, load_network


def run(path: Path, seed: int, encoder: str = "plain", **train: object) -> Path:
    return tiny.save_run(path, seed, tiny.settings(encoder), **train)


def average(*runs: Path, out: Path, more: Sequence[str] = ()) -> None:
    main(["--runs", *map(str, runs), "--data", str(out), "--out", str(out), *more])


def test_the_mean_of_two_runs_is_a_run(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", 1), run(tmp_path / "other", 2)
    average(one, other, out=tmp_path / "mean")
    networks = [load_network(path).parameters() for path in (one, other, tmp_path / "mean")]
    for a, b, mean in zip(*networks):
        torch.testing.assert_close(mean, (a + b) / 2)


def test_batch_norms_get_statistics_of_their_own_unless_they_are_frozen(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), seed, frozen=["decoder.fusion_pyramid"]) for seed in (1, 2)]
    average(*runs, out=tmp_path / "mean")
    for name, module in load_network(tmp_path / "mean").named_modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            settled = bool(module.running_mean.any())
            assert settled != name.startswith("decoder.fusion_pyramid"), name


def test_statistics_that_training_kept_are_kept(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), seed, keep_statistics=True) for seed in (1, 2)]
    average(*runs, out=tmp_path / "mean")
    start = dict(load_network(runs[0]).named_buffers())
    for name, buffer in load_network(tmp_path / "mean").named_buffers():
        assert torch.equal(buffer, start[name]), name


@pytest.mark.long
def test_batch_norms_may_settle_on_the_frames_of_another_config(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), seed) for seed in (1, 2)]
    config = load_checkpoint(runs[0] / CHECKPOINT)["config"]
    config["train"]["crop"] = [128, 128]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(config))
    average(*runs, out=tmp_path / "own")
    average(*runs, out=tmp_path / "others", more=["--config", str(tmp_path / "other.yaml")])
    own, others = (dict(load_network(tmp_path / name).named_buffers()) for name in ("own", "others"))
    statistics = [name for name in own if name.endswith("running_mean")]
    assert all((own[name] != others[name]).any() for name in statistics)


def test_runs_that_have_no_mean_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = run(tmp_path / "one", 1), run(tmp_path / "other", 2, "lite0")
    for second, reason in ((other, "other: its network differs"), (tmp_path / "none", "none/checkpoint.pt")):
        with pytest.raises(SystemExit):
            average(one, second, out=tmp_path / "mean")
        assert reason in capsys.readouterr().err
