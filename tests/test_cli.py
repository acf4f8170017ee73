"""The command line: what it lists and explains, and how it ends."""

from __future__ import annotations

import errno
import logging
import runpy
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from pvdm import cli, cli_parser
from pvdm.cli_parser import CommandParser
from pvdm.errors import ArgumentError, InputError
from pvdm.training.cli.command import parsed

TOOLS = Path(__file__).parents[1] / "tools"
SAMPLING = [
    "network evaluations per clip; by default 20, for ddim 100, for ddpm all timesteps",
    "from 0 (none) to 1",
    "by default unipc, or consistency for the numbers of steps that a model was tuned for",
]
MODEL = [
    "exported folder, training checkpoint (.ckpt), pvdm/NAME of pvdm models, or owner/name on the Hub",
    "(default: auto)",
    "(default: 32)",
]
HELP = {
    "sample": [
        *MODEL,
        *SAMPLING,
        "clips to sample (default: 4)",
        "the same at any batch size",
        "clips sampled at once (default: 4)",
        "frame rate of the files, frames per second; by default the score fps, if it is given",
        "(default: mp4)",
    ],
    "extend": [
        *MODEL,
        *SAMPLING,
        "frames of the output",
        "without it the first clip is sampled",
        "several are named OUTPUT_seedN (default: [0])",
        "frame rate at which the input is read and written, frames per second; by default the model's",
        "steps of the clips after the first; by default --steps",
    ],
    "reconstruct": [*MODEL, "at least one clip long", "read and written, frames per second; by default the model's"],
    "explain": [*MODEL[1:], *SAMPLING, "by default a clip that the model samples", "(default: pvdm/sprites-64)"],
    "evaluate": [
        *SAMPLING,
        "folder of videos or of folders of frames, data set, exported model or checkpoint (.ckpt)",
        "such as pvdm/fvd16, or a family such as pvdm; see --list",
        "clips read, sampled and evaluated at once (default: 4)",
        "height and width in pixels, or native for no scaling",
        "allow too few clips; the result is marked",
        "steps of the clips after the first; by default --steps",
    ],
    "inspect": ["by default 16", "by default 256x256", "most videos on the contact sheet (default: 24)"],
    "tune": [
        "complete or ended early; failed ones are replaced (default: 40)",
        "or all points of a grid (default: tpe)",
        "by default tune.journal in the run's folder",
        "by default best.yaml in the run's folder",
    ],
    "study": [
        *SAMPLING,
        "two or more folders of videos or models, which are sampled; or one study, which is resumed",
        "(default: Which video looks better? Which video moves more naturally?)",
        "people need a token unless it is this machine's own address (default: 127.0.0.1)",
        "longest video shown, in seconds (default: 10.0)",
    ],
    "export": ["training checkpoint (.ckpt) of either stage", "float16", "the npm package onnxruntime-web"],
    "convert": ["(.pth)", "frame rate of the generated videos, frames per second (default: 25.0)", "float16"],
}


def told(arguments: list[str], capsys) -> str:
    """The help that ends the command, in one line."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_lists_every_command(capsys):
    text = told(["--help"], capsys)
    for name, verb in {**cli_parser.TRAINING, **cli_parser.COMMANDS}.items():
        assert f"{name} {verb.summary}" in text
    assert set(HELP) < set(cli_parser.COMMANDS)


@pytest.mark.parametrize("name", sorted(HELP))
def test_help_names_units_and_defaults(capsys, name):
    text = told([name, "--help"], capsys)
    assert cli_parser.COMMANDS[name].summary[1:] in text
    for phrase in HELP[name]:
        assert phrase in text
    assert name == "tune" or "--overwrite replace existing output" in text
    assert "default: None" not in text and "default: False" not in text


def test_zero_is_a_default_like_others(capsys):
    text = told(["sample", "--help"], capsys)
    for phrase in ("from 0 (none) to 1 (default: 0.0)", "0 turns it off (default: 0.0)", "any batch size (default: 0)"):
        assert phrase in text


def test_there_is_a_parser_of_every_verb_and_each_of_our_options_is_explained():
    found = dict(cli_parser.parsers())
    parts = [f"benchmark {name}" for name in ("ucf101", "skytimelapse", "speed", "solvers", "learning")]
    parts += [f"curate {name}" for name in ("raw", "compare", "vote", "elo")]
    parts += [f"provenance {name}" for name in ("keygen", "verify", "detect")]
    assert sorted(found) == sorted([*cli_parser.TRAINING, *cli_parser.COMMANDS, *parts])
    for name, parser in found.items():
        assert parser.format_usage().startswith(f"usage: pvdm {name.removesuffix(' raw')} ")  # as it need not be named
        assert name in parts or parser.epilog.startswith(f"Example: pvdm {name} ")
        if name in cli_parser.TRAINING:
            assert {"data.path", "model", "trainer.max_steps"} <= {action.dest for action in parser._actions}
        else:
            assert [action.dest for action in parser._actions if not action.help] in ([], ["what"])


@pytest.mark.parametrize("name", sorted(cli_parser.COMMANDS))
def test_the_help_ends_with_an_example_that_the_command_takes(capsys, name):
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    *_, line = capsys.readouterr().out.splitlines()
    program, *example = shlex.split(line.removeprefix("Example: "))
    assert line.startswith("Example: ") and program == "pvdm" and example[0] == name
    options, unknown = cli_parser.command_parser(example).parse_known_args(example)
    assert all(hasattr(options, "of_training") for _ in unknown[:1])  # what is left over is for the parser of training
    assert options.run.__module__ == f"pvdm.commands.{name}"


@pytest.mark.parametrize("verb", sorted(cli_parser.TRAINING))
def test_the_help_of_training_ends_with_an_example(capsys, verb):
    *_, line = told([verb, "--help"], capsys).rpartition("Example: ")
    program, *example = shlex.split(line)
    assert program == "pvdm" and example[0] == verb
    assert parsed(example[1:]).data.path == Path("my_videos")


def test_version(capsys):
    assert told(["--version"], capsys) == f"pvdm {version('pvdm')}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND must be given; see pvdm --help"),
        (["dance"], "there is no command pvdm dance; see pvdm --help"),
        (["smaple", "model"], "there is no command pvdm smaple (did you mean sample?)"),
        (["sample", "model"], "--output must be given; see pvdm sample --help"),
        (
            ["sample", "model", "--output", "out", "--num-videos", "0"],
            "--num-videos is 0; give a whole number of at least 1",
        ),
        (
            ["sample", "model", "--output", "out", "--num-videos", "1.5"],
            "--num-videos is 1.5; give a whole number of at least 1",
        ),
        (["sample", "model", "--output", "out", "--seed", "-1"], "--seed is -1; give a whole number of at least 0"),
        (["sample", "model", "--output", "out", "--fps", "0"], "--fps is 0; give frames per second, above 0 and below"),
        (["sample", "model", "--output", "out", "--fps", "fast"], "--fps is fast; give a finite number"),
        (["sample", "model", "--output", "out", "--eta", "nan"], "--eta is nan; give a finite number"),
        (["sample", "model", "--output", "out", "--guidance", "inf"], "--guidance is inf; give a finite number"),
        (
            ["sample", "model", "--output", "out", "--guidence", "1"],
            "--guidence is not an option of pvdm sample (did you m",
        ),
        (["export", "a", "b", "--output", "o"], "b is an unexpected argument; see pvdm export --help"),
        (["benchmark", "dance"], "there is no command pvdm benchmark dance; see pvdm benchmark --help"),
        (["sample", "m", "--output", "o", "--seed", "1", "--seeds", "2"], "--seeds: not allowed with argument --seed;"),
        (["sample", "m", "--output", "o", "--overwrite=3"], "--overwrite: ignored explicit argument '3'; see pvdm sam"),
        (["sample", "m", "--output", "o", "--grid", "4by4"], "--grid is 4by4; give rows and columns as in 4x4"),
        (["sample", "model", "--output"], "--output: expected one argument; see pvdm sample --help"),
        (["extend", "model", "--output", "out"], "--frames must be given; see pvdm extend"),
        (["sample", "m", "--output", "o", "--sampler", "euler"], "--sampler is euler; choose one of ddpm, ddim, dpmpp"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_sentence(capsys, caplog, arguments, message):
    assert cli.main(arguments) == 2
    (text,) = caplog.messages
    assert text.startswith("pvdm: error: ") and message in text and "\n" not in text
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "a.txt"), "a.txt cannot be written or read (No space left on device)"),
        (OSError(30, "Read-only file system"), "a file cannot be written or read (Read-only file system)"),
        (MemoryError(), "the memory is full; take fewer samples at once (data.batch_size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8"), "the memory is full"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
            "the memory is full; take",
        ),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the memory is full; take fewer samples at once"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "model.activation_checkpointing true"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "set data.workers lower, or 0"),
        (InputError("Caught\nTraceback\npvdm.errors.InputError: a is b;\n  give c\n"), "pvdm: error: a is b; give c"),
        (ArgumentError("Caught\nTraceback\npvdm.errors.ArgumentError: a is b\n"), "pvdm: error: a is b"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(monkeypatch, caplog, error, words):
    def fail(arguments):
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["export"]) == 2
    (text,) = caplog.messages
    assert text.startswith("pvdm: error: ") and words in text and "\n" not in text and not text.endswith(".")
    with pytest.raises(type(error)):
        cli.main(["export", "--debug"])


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No such file"), RuntimeError("mat1 and mat2"), ValueError("x"), KeyError("x")]
)
def test_a_bug_keeps_its_traceback(monkeypatch, error):
    def fail(arguments):
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(type(error)):
        cli.main(["export"])


def test_a_bug_in_the_type_of_an_option_keeps_its_traceback():
    def broken(text: str) -> None:
        raise ValueError("a bug")

    parser = CommandParser(prog="pvdm")
    parser.add_argument("--number", type=broken)
    with pytest.raises(ValueError, match="a bug") as error:
        parser.parse_known_args(["--number", "1"])
    assert not isinstance(error.value, InputError)


def test_the_option_at_fault_is_data():
    parser = CommandParser(prog="pvdm")
    parser.add_argument("--batch-size", type=int)
    with pytest.raises(InputError) as error:
        parser.parse_known_args(["--batch-size", "many"])
    found = error.value
    assert (found.problem, found.remedy, found.option) == ("--batch-size is many", "give a whole number", "batch_size")


def test_a_reader_that_has_had_enough_ends_it_quietly():
    command = f"{sys.executable} -m pvdm.cli sample --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    first, status = done.stdout.splitlines()
    assert first.startswith("usage: pvdm sample") and status in ("0", "141") and done.stderr == ""


def test_an_input_error_is_one_sentence_and_2_and_a_traceback_to_debug(tmp_path, caplog):
    arguments = ["export", str(tmp_path / "none"), "--output", str(tmp_path / "out")]
    with caplog.at_level(logging.ERROR):
        assert cli.main(arguments) == 2
    expected = f"there is no model at {tmp_path / 'none'}; give an exported folder or a training checkpoint (.ckpt)"
    assert caplog.messages == [f"pvdm: error: {expected}"]
    for debug in (["--debug", *arguments], [*arguments, "--debug"]):
        with pytest.raises(InputError) as error:
            cli.main(debug)
        assert str(error.value) == expected


def test_our_own_errors_are_not_hidden(monkeypatch):
    monkeypatch.setattr(cli, "_run", lambda arguments: {}["a bug"])
    with pytest.raises(KeyError):
        cli.main(["export"])


def test_an_interruption_ends_with_130(monkeypatch, caplog):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    assert cli.main(["sample"]) == 130
    assert caplog.messages == ["pvdm: interrupted"]


def test_help_answers_at_once():
    """No network library is imported for it."""
    command = [sys.executable, "-X", "importtime", "-m", "pvdm", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "usage: pvdm" in done.stdout
    assert "import time" in done.stderr and "torch" not in done.stderr


@pytest.mark.parametrize(("tool", "verb"), [("extend_video.py", "extend"), ("convert_checkpoint.py", "convert")])
def test_tools_are_commands(monkeypatch, capsys, tool, verb):
    monkeypatch.setattr(sys, "argv", [tool, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TOOLS / tool), run_name="__main__")
    assert ended.value.code == 0
    assert f"usage: pvdm {verb}" in capsys.readouterr().out


def test_a_tool_run_from_a_clone_ends_with_one_line_and_its_status(tmp_path):
    command = [sys.executable, str(TOOLS / "convert_checkpoint.py"), "--autoencoder", "none.pth", "--output", "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "pvdm: error: there is no file none.pth; check the path\n"
