from pathlib import Path

import pytest
import torch
import yaml

from tests.training import tiny
from training.config import Config, check
from training.data.batches import in_batches, training_samples
from training.loop.state import begin
from training.loop.time_step import main, seconds_a_step


def test_every_way_that_the_device_has_gets_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.plain_config(batch=1, teacher="not/there.onnx", canvases=9)
    config["loss"] |= {"distillation": 1.0, "features": 1.0, "imitation": 1.0, "steadiness": 1.0}
    config["stages"] = {"first": {"train": {"crop": [32, 32]}}, "last": {}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    main(["--config", str(tmp_path / "small.yaml"), "--steps", "1"])
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("1 of 64x64 on ")
    assert rows and all(float(row.split()[-1]) > 0 for row in rows)


def test_trying_some_steps_leaves_the_training_as_it_was() -> None:
    """The state keeps its weights, its optimiser and the random numbers that it will draw."""
    plain = tiny.plain_config(steps=4)
    plain["loss"] |= {"steadiness": 1.0}  # draws neighbouring frames at random
    config = check(Config, plain, "test")
    state = begin(config, torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in state.learner.state_dict().items()}
    samples = training_samples(config, Path("/nowhere"), Path("/nowhere"))
    following = torch.get_rng_state()
    batches = in_batches(samples, [[0, 1], [2, 3], [4, 5], [6, 7]], 0, False)
    assert seconds_a_step(config, state, batches, shared=False) > 0
    assert torch.equal(torch.get_rng_state(), following)
    after = state.learner.state_dict()
    assert state.step == 0 and all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert not any(part["state"] for part in state.optimiser.state_dict().values())
    assert all(parameter.grad is None for parameter in state.learner.parameters())


def test_a_config_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--config", "no.yaml"])
    assert "no.yaml" in capsys.readouterr().err


def test_a_network_that_cannot_be_built_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.plain_config(tiny.settings(hidden={"stem": 8}))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit):
        main(["--config", str(tmp_path / "mine.yaml")])
    assert "model.hidden" in capsys.readouterr().err
