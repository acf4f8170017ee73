"""docs/api.md and docs/cli.md are complete and say what the code does; the examples of the former run."""

from __future__ import annotations

import inspect
import re
import runpy
from argparse import SUPPRESS, ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest
from generation.small_models import small_generator

from pvdm.cli_parser import TRAINING, parsers
from pvdm.training import AutoencoderTraining, DiffusionTraining

ROOT = Path(__file__).parents[1]
REMEDY = "run make docs"


@pytest.fixture(scope="module")
def api() -> dict:
    return runpy.run_path(str(ROOT / "tools" / "api_reference.py"))


@pytest.fixture(scope="module")
def api_page() -> str:
    return (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_signatures_and_texts_are_those_of_the_code(api, api_page):
    assert api["page"](api_page) == api_page, REMEDY


def test_every_public_name_has_an_entry(api, api_page):
    top = import_module("pvdm").__all__
    modules = api["public_modules"]()
    assert {"pvdm", "pvdm.video", "pvdm.generation"} <= set(modules)
    for module in modules:
        names = [name for name in import_module(module).__all__ if module == "pvdm" or name not in top]
        section = re.search(rf"<!-- names of {re.escape(module)} -->(.*?)<!-- end -->", api_page, re.DOTALL)
        missing = [name for name in names if section is None or not re.search(rf"`{name}\b", section[1])]
        assert not missing, f"{module}: {missing}; give it a section in docs/api.md, then {REMEDY}"


def test_the_examples_run(api_page, tmp_path, make_video, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video("my_video.mp4", frames=40, fps=25)
    (tmp_path / "my_videos").mkdir()
    for index in range(2):
        make_video(f"my_videos/{index}.mp4", frames=20)
    small_generator(frames=16, height=32, width=32).save_pretrained("my_model")
    program = "\n".join(re.findall(r"```python\n(.*?)```", api_page, flags=re.DOTALL))
    names: dict = {}
    program = program.replace("steps=400", "steps=2").replace("sample(4, ", "sample(4, steps=2, ")
    exec(program.replace("frames=128", "frames=32").replace("num_frames=64", "num_frames=16"), names)
    assert names["longer"].shape == (3, 32, 32, 32) and names["again"].shape == (4, 3, 16, 32, 32)
    assert names["result"]["metrics"]["motion"]["value"] >= 0


@pytest.fixture(scope="module")
def cli() -> dict:
    return runpy.run_path(str(ROOT / "tools" / "cli_reference.py"))


@pytest.fixture(scope="module")
def cli_page() -> str:
    return (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def all_parsers() -> dict[str, ArgumentParser]:
    return dict(parsers())


def test_options_are_those_of_the_parsers(cli, cli_page):
    assert cli["page"]() == cli_page, REMEDY


def test_every_option_of_our_commands_has_a_row(all_parsers, cli_page):
    ours = {name: parser for name, parser in all_parsers.items() if name not in TRAINING}
    assert len(ours) > 12
    for name, parser in ours.items():
        section = re.search(rf"^##+ pvdm {name}\n(.*?)(?=^## |\Z)", cli_page, re.DOTALL | re.MULTILINE)
        visible = [action for action in parser._actions if action.help != SUPPRESS]  # hidden are those that are refused
        options = {option for action in visible for option in action.option_strings} - {"-h", "--help"}
        assert section, name
        assert not [option for option in options if not re.search(rf"^\| .*`{option}\b", section[1], re.MULTILINE)]


def test_every_option_of_training_but_lightnings_has_a_row(all_parsers, cli, cli_page):
    ours = [option for action in all_parsers["fit"]._actions for option in action.option_strings]
    ours = [name for name in ours if name.startswith(tuple(f"--{prefix}." for prefix in cli["HEADINGS"]))]
    ours += [f"--model.{name}" for kind in (AutoencoderTraining, DiffusionTraining) for name in parameters(kind)]
    assert len(ours) > 60
    assert not [name for name in ours if not name.endswith((".help", "+")) and f"| `{name}" not in cli_page]
    lightnings = ("trainer", "checkpoint", "model", "optimizer", "lr_scheduler")
    prefixes = {action.dest.partition(".")[0] for action in all_parsers["fit"]._actions if "." in action.dest}
    assert prefixes - set(lightnings) == set(cli["HEADINGS"]), "give the new group a heading in tools/cli_reference.py"


def parameters(kind: type) -> list[str]:
    return list(inspect.signature(kind).parameters)
