import argparse

import pytest

from mtvif_ros.command_line import command_parser, positive_number, told_plainly, whole_number


def parser() -> argparse.ArgumentParser:
    made = command_parser("mtvif_test", "Try options.")
    made.add_argument("--every", type=whole_number(1))
    made.add_argument("--seconds", type=positive_number)
    return made


def test_numbers_come_as_numbers() -> None:
    options = parser().parse_args(["--every", "3", "--seconds", "0.5"])
    assert (options.every, options.seconds) == (3, 0.5)


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        ("--every", "0", "argument --every: '0' is not a whole number from 1 on"),
        ("--every", "1.5", "'1.5' is not a whole number"),
        ("--every", "many", "'many' is not a whole number"),
        ("--seconds", "0", "argument --seconds: '0' is not a number above 0"),
        ("--seconds", "inf", "'inf' is not a number above 0"),
        ("--seconds", "nan", "'nan' is not a number above 0"),
        ("--seconds", "long", "'long' is not a number above 0"),
    ],
)
def test_numbers_that_make_no_sense_are_named(
    option: str, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([option, text])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("error", [FileNotFoundError, ValueError, ModuleNotFoundError])
def test_what_the_user_can_mend_is_one_line(
    error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, told_plainly(parser()):
        raise error("x: is not here")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "mtvif_test: x: is not here\n"


def test_only_errors_that_are_named_are_told_plainly() -> None:
    with pytest.raises(SystemExit), told_plainly(parser(), RuntimeError):
        raise RuntimeError
    with pytest.raises(RuntimeError), told_plainly(parser()):
        raise RuntimeError
