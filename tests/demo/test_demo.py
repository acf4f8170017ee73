"""A demo of a few seconds: each step writes its files and is not repeated, and the page is self-contained."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
import torch

from pvdm.cli import main
from pvdm.demo.demo_page import write_page
from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.pictures import filmstrips, plot_curves, save_image
from pvdm.demo.stages import Demo
from pvdm.video import probe, read_frames

SETTINGS = DemoSettings(autoencoder_steps=2, diffusion_steps=2, sampling_steps=1, samples=4, long_frames=40)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    demo = Demo(tmp_path_factory.mktemp("demo"), SETTINGS)
    demo.run()
    write_page(demo)
    return demo


def stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_every_step_writes_the_files_of_the_page(demo):
    assert probe(demo.folder / "long.mp4").frames == 40
    assert probe(demo.folder / "continued.mp4").frames == 40
    assert probe(demo.folder / "samples.mp4").frames == 16
    assert len(list((demo.folder / "samples").glob("*.mp4"))) == 4
    assert {path.stem for path in (demo.folder / "reconstructions").glob("*.mp4")} == set(demo.results["psnr"])
    assert (demo.model / "model.safetensors").is_file()
    for picture in ("samples.png", "long.png", "curves.png", "contact_sheet.png"):
        assert (demo.folder / picture).stat().st_size > 1000


def test_the_continuation_begins_with_the_held_out_real_clip(demo):
    real = read_frames(demo.folder / "clips" / "val" / "carphone", range(16)).astype(int)
    found = read_frames(demo.folder / "continued.mp4", range(16)).astype(int)
    assert abs(found - real).mean() < 6  # of 255: loss of H.264


def test_training_and_held_out_frames_are_all_of_the_video(demo):
    parts = [len(list((demo.folder / "clips" / part / "bikes").glob("*.png"))) for part in ("train", "val")]
    assert parts == [250 - 32, 32]


def test_mean_psnr_is_that_of_all_clips(demo):
    values = [value for parts in demo.results["psnr"].values() for part in parts.values() for value in part]
    assert demo.mean_psnr() == pytest.approx(sum(values) / len(values))
    assert len(values) == sum(-(-frames // 16) for frames in (218, 32, 88, 32, 100, 32))


def test_the_page_needs_no_other_file(demo):
    text = (demo.folder / "index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]{1,40})', text)
    assert len(sources) >= 9
    assert all(source.startswith("data:") for source in sources)
    assert "$" not in re.sub(r'src="[^"]*"', "", text)


def test_a_second_run_repeats_nothing(demo, caplog):
    before = stamps(demo.folder)
    with caplog.at_level(logging.INFO, logger="pvdm"):
        Demo(demo.folder, SETTINGS).run()
    assert caplog.text.count("already done") == 6
    changed = {path.name for path, stamp in stamps(demo.folder).items() if before.get(path) != stamp}
    assert changed == {"curves.png", "contact_sheet.png"}


def test_a_folder_of_something_else_is_refused(tmp_path, caplog):
    (tmp_path / "precious.txt").write_text("mine")
    assert main(["demo", "--output", str(tmp_path), "--fresh"]) == 2
    assert "something other than a demo" in caplog.text
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_demo_of_other_settings_is_refused(tmp_path, caplog):
    (tmp_path / "pvdm-demo.json").write_text(json.dumps({"autoencoder_steps": 1}))
    assert main(["demo", "--output", str(tmp_path)]) == 2
    assert "--fresh" in caplog.text


def test_filmstrips_show_the_first_and_the_last_frame():
    video = torch.arange(10, dtype=torch.uint8).expand(3, 4, 4, 10).permute(0, 3, 1, 2)
    strip = filmstrips([video, video], 4)
    assert strip.shape == (3, 2 * 6, 4 * 6)
    assert [strip[0, 3, 3 + 6 * index].item() for index in range(4)] == [0, 3, 6, 9]


def test_pictures_have_the_expected_size(tmp_path):
    from PIL import Image

    save_image(torch.zeros(3, 4, 5, dtype=torch.uint8), tmp_path / "a.png", scale=3)
    assert Image.open(tmp_path / "a.png").size == (15, 12)
    plot_curves({"one": {"a": ([0, 1], [1.0, 2.0])}, "two": {"b": ((), ())}}, tmp_path / "b.png")
    assert Image.open(tmp_path / "b.png").width > 400
