import argparse
import importlib
import sys

import pytest

from mtvif_ros.command_line import (
    UserError,
    command_parser,
    finite_number,
    in_short,
    positive_number,
    told_plainly,
    whole_number,
    writable_file,
)


def parser() -> argparse.ArgumentParser:
    made = command_parser("mtvif_test", "Try options.")
    made.add_argument("--every", type=whole_number(1))
    made.add_argument("--seconds", type=positive_number)
    made.add_argument("--json", type=writable_file)
    return made


def test_numbers_come_as_numbers() -> None:
    options = parser().parse_args(["--every", "3", "--seconds", "0.5"])
    assert (options.every, options.seconds) == (3, 0.5)


@pytest.mark.parametrize("text", ["-5", "-.5", "-5e-3", "-2.7315E2", "-1e+3"])
def test_negative_numbers_are_no_options(text: str) -> None:
    made = command_parser("mtvif_test", None)
    made.add_argument("--offset", type=finite_number)
    assert made.parse_args(["--offset", text]).offset == float(text)


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        ("--every", "0", "argument --every: '0' is not a whole number from 1 on"),
        ("--every", "1.5", "'1.5' is not a whole number"),
        ("--every", "many", "'many' is not a whole number"),
        ("--seconds", "0", "argument --seconds: '0' is not a number above 0"),
        ("--seconds", "inf", "'inf' is not a number;"),
        ("--seconds", "nan", "'nan' is not a number;"),
        ("--seconds", "long", "'long' is not a number;"),
        ("--json", "/", "'/' is a folder; name a file"),
        ("--json", "/nowhere/x.json", "argument --json: '/nowhere/x.json' cannot be written;"),
    ],
)
def test_values_that_make_no_sense_are_named(
    option: str, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([option, text])
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize("error", [FileNotFoundError, ModuleNotFoundError, UserError, ValueError])
def test_what_the_user_can_fix_is_one_line_and_exit_code_1(
    error: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, told_plainly(parser()):
        raise error("x: does not exist")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "mtvif_test: x: does not exist\n"


def test_ctrl_c_is_one_line_and_the_exit_code_of_the_signal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, told_plainly(parser()):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "mtvif_test: interrupted\n"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError), told_plainly(parser()):
        raise RuntimeError


def test_a_missing_module_of_the_tools_extra_comes_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcap.records", None)
    with pytest.raises(SystemExit) as ended, told_plainly(parser()):
        importlib.import_module("mcap.records")
    assert ended.value.code == 1
    told = "mtvif_test: needs the Python module mcap; install it with: pip install 'mtvif_ros[tools]'\n"
    assert capsys.readouterr().err == told


def test_an_error_in_short_holds_no_more_than_a_line_of_the_file_that_caused_it() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        (b"\xd6" + bytes(5000)).decode()
    told = in_short(caught.value)
    assert told.startswith("UnicodeDecodeError: 'utf-8' codec") and len(told) <= 200
    assert in_short(ValueError("one\n  two")) == "ValueError: one two"
