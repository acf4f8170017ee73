"""docs/api.md and docs/cli.md are complete and say what the code does; the examples of the former run."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from pathlib import Path

import pytest
from generation.small_models import small_generator

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
    exec(program.replace("steps=400", "steps=2").replace("frames=128", "frames=32"), names)
    assert names["longer"].shape == (3, 32, 32, 32) and names["again"].shape == (4, 3, 16, 32, 32)
    assert names["result"]["metrics"]["motion"]["value"] >= 0
