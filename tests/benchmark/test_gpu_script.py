"""docs/benchmarks/gpu.sh at its smallest size on a CPU; a part that fails, hangs or finds no time; what is lacking."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pvdm.video import probe

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "benchmarks" / "gpu.sh"
TASKS = {
    "speed_gpu_sampling": ["encode", "decode", "denoise", "sample_clip", "stream"],
    "speed_gpu_graphs": ["sample_clip", "stream"],
    "speed_gpu_steps": [
        *("encode", "decode", "denoise"),
        *("stage1_step", "stage2_step_pixels", "stage2_step_latents"),
    ],
    "speed_gpu_compiled": ["encode", "decode", "denoise", "sample_clip"],
    "speed_gpu_compiled_steps": ["stage1_step", "stage2_step_latents"],
    "speed_gpu_32": ["encode", "decode", "denoise"],
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script, whose parts are forked")


@pytest.fixture
def gpu(monkeypatch):
    """The script's own module, with nothing to install or to import."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import gpu

    monkeypatch.setattr(gpu.carry, "install", lambda site: None)
    monkeypatch.setattr(gpu, "_preload", lambda device, end: None)
    monkeypatch.setattr(gpu, "LEAST", 0.1)
    monkeypatch.setattr(gpu.signal, "signal", lambda number, handler: None)
    return gpu


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """What the whole script leaves."""
    output = tmp_path_factory.mktemp("gpu")
    environment = {**os.environ, "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    command = ["sh", str(SCRIPT), str(output), "--tiny", "--device", "cpu"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return output


def numbers(tree: Any) -> Iterator[float]:
    """All numbers of a document."""
    if isinstance(tree, dict | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers(part)
    elif isinstance(tree, int | float):
        yield tree


def test_each_part_leaves_a_file_that_says_how_it_came_about(results):
    files = {path.stem: json.loads(path.read_text()) for path in results.glob("*.json")}
    assert files.keys() == {"gpu_tests", "gpu_training", *TASKS}
    for name, found in files.items():
        assert (found["part"], found["status"], found["error"]) == (name, "done", None)
        assert found["seconds"] > 0 and datetime.fromisoformat(found["date"]).tzinfo
        assert found["versions"]["torch"] == version("torch") and found["versions"]["python"]
        assert found["command"] and found["commit"] and found["tiny"] is True
        assert all(math.isfinite(number) for number in numbers(found)), name


@pytest.mark.parametrize("name", TASKS)
def test_figures_are_there_and_positive(results, name):
    found = json.loads((results / f"{name}.json").read_text())
    assert found["format"] == "pvdm-speed" and found["settings"]["precision"] == ("32" if name[-2:] == "32" else "bf16")
    assert [task["task"] for task in found["tasks"]] == TASKS[name]
    for task in found["tasks"]:
        assert task["missing"] is None and task["flops"] > 0
        assert min(task["all_seconds"]) > 0 and task["peak_memory_bytes"] > 1 << 20
    assert len(found["largest_batches"]) == (2 if name == "speed_gpu_steps" else 0)


def test_a_small_model_is_trained_and_shows_its_samples(results):
    found = json.loads((results / "gpu_training.json").read_text())
    for stage, figure in (("autoencoder", "val/psnr"), ("diffusion", "val/loss")):
        assert found[stage]["updates"] == 3 and found[stage]["last"][figure] > 0
    assert found["samples"]["clips"] == 4 and found["samples"]["seconds"] > 0
    info = probe(results / "gpu_samples.mp4")
    assert (info.frames, info.width) == (16, 34)
    with Image.open(results / "gpu_samples.png") as sheet:
        assert sheet.size == (8 * 34 - 2, 4 * 34 - 2)


def test_tests_that_need_a_gpu_are_found_and_skipped(results):
    found = json.loads((results / "gpu_tests.json").read_text())
    assert set(found["counts"]) == {"skipped"} and found["counts"]["skipped"] > 20
    assert any("test_cuda_sampling" in test["test"] for test in found["tests"])


def test_a_part_that_fails_or_hangs_does_not_stop_the_others(gpu, monkeypatch, tmp_path):
    def told(path, settings):
        path.write_text(json.dumps({"figure": 3}))

    def failing(path, settings):
        told(path, settings)
        raise ValueError("no such kernel")

    def refusing(path, settings):
        sys.exit(2)

    def hanging(path, settings):
        told(path, settings)
        subprocess.Popen(["sleep", "60"])
        time.sleep(60)

    parts = {"failing": failing, "hanging": hanging, "refusing": refusing, "working": told}
    monkeypatch.setattr(gpu, "PARTS", {name: gpu.Part(measure, 1.5) for name, measure in parts.items()})
    start = time.monotonic()
    assert gpu.main([str(tmp_path), "--device", "cpu"]) == 1
    assert time.monotonic() - start < 30
    found = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in parts}
    assert [part["status"] for part in found.values()] == ["failed", "out of time", "failed", "done"]
    assert found["failing"]["error"] == "exit status 1: ValueError: no such kernel"
    assert any("no such kernel" in line for line in found["failing"]["log"])
    assert found["hanging"]["error"] == "it took more than 1.5 s"
    assert found["refusing"]["error"] == "exit status 2: it said nothing"
    assert [found[name].get("figure") for name in parts] == [3, 3, None, 3]


def test_a_part_for_which_no_time_is_left_is_not_begun(gpu, monkeypatch, tmp_path):
    begun = tmp_path / "begun"
    parts = {"first": lambda path, settings: time.sleep(60), "second": lambda path, settings: begun.touch()}
    monkeypatch.setattr(gpu, "PARTS", {name: gpu.Part(measure, 60) for name, measure in parts.items()})
    assert gpu.main([str(tmp_path), "--device", "cpu", "--minutes", "0.02"]) == 1
    found = json.loads((tmp_path / "second.json").read_text())
    assert (found["status"], found["error"]) == (
        "not begun",
        "no time was left; give more --minutes or fewer --parts",
    )
    assert not begun.exists()


def test_all_parts_are_chosen_by_name(gpu, capsys):
    with pytest.raises(SystemExit):
        gpu.main(["out", "--parts", "gpu_tests,fly"])
    assert "there is no part fly; choose of gpu_tests, speed_gpu_sampling" in capsys.readouterr().err


def test_what_is_lacking_is_said_with_what_it_needs_and_how_to_carry_it(gpu):
    carry = gpu.carry
    present = carry.installed() - {"av", "jsonargparse", "docstring-parser"}
    missing = carry.lacking(present, "3.12")
    assert set(missing) == {"av", "jsonargparse", "docstring-parser"}, "and what jsonargparse's extra needs"
    text = carry.told(missing, "3.12")
    assert "pip wheel --no-deps -w wheels docstring_parser==" in text
    assert "--python-version 3.12" in text and "av==" in text.partition("pip download")[2]
    assert carry.told({}, "3.12") == "nothing is lacking: all that the project needs is there"


def test_a_list_of_packages_is_read_in_pips_forms(gpu):
    found = gpu.carry.listed("Torch==2.11.0\nscikit_video 1.1\n\nav, einops")
    assert found == {"torch", "scikit-video", "av", "einops"}


def test_the_package_can_be_imported_without_being_built(gpu, tmp_path):
    gpu.carry._link(tmp_path)
    code = "import pvdm, pvdm.configs, importlib.metadata as m; print(pvdm.__file__, m.version('pvdm'))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    place, number = found.stdout.split()
    assert Path(place).is_relative_to(tmp_path) and number == version("pvdm")
