"""`pvdm completion`: what a shell offers, asked of bash itself."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Literal

import pytest
from jsonargparse import ArgumentParser

from pvdm.commands.completion import SHELLS, script, training_options

ASK = """
source pvdm.bash
ask() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _shtab_pvdm pvdm "${@: -1}" "${@: -2:1}"
  echo "${COMPREPLY[*]}"
}
"""
OFFERED = {
    "pvdm sa": "sample",
    "pvdm benchmark s": "skytimelapse speed solvers",
    "pvdm sample --sam": "--sampler",
    "pvdm sample --sampler d": "ddpm ddim dpmpp_2m",
    "pvdm sample pvdm/": "pvdm/autoencoder-64 pvdm/sprites-64",
    "pvdm sample my": "my_model",
    "pvdm benchmark ucf101 --model pvdm/s": "pvdm/sprites-64",
    "pvdm sample pvdm/sprites-64 --output cl": "clip.mp4",
    "pvdm configs data/u": "data/ucf101",
    "pvdm fit -c configs/sizes/pvdm-s": "configs/sizes/pvdm-s.yaml",
    "pvdm fit --data.lay": "--data.layout",
    "pvdm fit --data.layout f": "folder files",
    "pvdm fit --model.w": "--model.width",
    "pvdm encode --data.lay": "--data.layout",
}


@dataclass
class Data:
    layout: Literal["folder", "files"] = "folder"


class Stage:
    def __init__(self, width: int = 4) -> None: ...


@pytest.fixture
def training() -> list:
    """Options in the manner of `pvdm fit`, whose own parser takes a second to build."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("-c", "--config", action="config", help="100% of the values")
    parser.add_argument("--data", type=Data)
    return training_options(parser, [Stage])


def test_bash_completes(tmp_path, training):
    (tmp_path / "pvdm.bash").write_text(script("bash", training))
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "my_model").mkdir()
    questions = "".join(f"ask {line}\n" for line in OFFERED)
    done = subprocess.run(["bash", "-c", ASK + questions], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert dict(zip(OFFERED, done.stdout.splitlines(), strict=True)) == OFFERED and done.stderr == ""


@pytest.mark.parametrize("shell", SHELLS[1:])
def test_other_shells_have_the_same_words(shell, training):
    text = script(shell, training)
    for word in ("dpmpp_2m", "pvdm/sprites-64", "configs/gan.yaml", "data.layout", "model.width", "skytimelapse"):
        assert word in text
