"""Every command of `training` tells input that cannot be used in one line, without a traceback."""

from importlib import import_module

import pytest

NOWHERE = ["--data", "/nowhere", "--out", "/tmp/never-written"]
MODEL = "models/mtvif_int8.onnx"


@pytest.mark.parametrize(
    ("module", "arguments", "told"),
    [
        ("ablate", ["--config", "no.yaml", *NOWHERE], "no.yaml"),
        (
            "ablate",
            ["--config", "training/configs/finetune.yaml", *NOWHERE],
            "seed is unknown, expected one of base, folds",
        ),
        ("check", ["--config", "no.yaml", "--data", "/nowhere"], "no.yaml"),
        ("evaluate", ["--model", MODEL, "--data", "/nowhere"], "/nowhere/vi: no such folder"),
        ("evaluate", ["--model", "no.onnx", "--rendered", "1"], "model file no.onnx: no such file"),
        ("export", ["--run", "no/run", "--out", "x.onnx"], "no/run/checkpoint.pt"),
        ("scoring.parity", [MODEL, "--data", "/nowhere"], "/nowhere/vi: no such folder"),
        ("labelling.pseudo_label", ["--run", "no/run", *NOWHERE], "no/run/checkpoint.pt"),
        ("quantise", ["--model", MODEL, *NOWHERE], "/nowhere/vi: no such folder"),
        (
            "quantise",
            ["--model", MODEL, "--data", "/", "--out", "/no/x.onnx"],
            "'/no/x.onnx' cannot be written",
        ),
        ("recipe", ["--config", "no.yaml", *NOWHERE], "no.yaml"),
        (
            "recipe",
            ["--config", "training/configs/ablation.yaml", *NOWHERE],
            "training/configs/ablation.yaml: stage ablation: base is unknown",
        ),
        ("loop.time_step", ["--config", "no.yaml"], "no.yaml"),
        ("train", ["--config", "no.yaml", *NOWHERE], "no.yaml"),
    ],
)
def test_unusable_input_is_told_in_one_line(
    module: str, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(f"training.{module}").main(arguments)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m training.{module}: ") and told in line
