"""What the demo shows of the packaged model's conditions, with that model and few steps."""

from __future__ import annotations

import pytest

from pvdm.demo.demo_folder import Demo
from pvdm.demo.demo_page import write_page
from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.packaged_model.characters import acting, characters, is_told
from pvdm.demo.packaged_model.directed_samples import show_directed
from pvdm.generation import VideoGenerator
from pvdm.video import probe


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    demo = Demo(tmp_path_factory.mktemp("demo"), DemoSettings(sampling_steps=2))
    demo.results |= show_directed(demo)
    return demo


def test_words_a_picture_and_a_motion_are_followed(demo):
    assert [probe(demo.media / f"told_{place}.mp4").frames for place in range(4)] == [16] * 4
    table = probe(demo.media / "mixed.mp4")
    assert (table.frames, table.height, table.width) == (16, 4 * 256, 4 * 256)
    assert probe(demo.media / "begun.mp4").width == 4 * 256 and (demo.media / "directed" / "picture.png").is_file()


def test_the_page_shows_them_with_their_sentences(demo):
    html = write_page(demo).read_text(encoding="utf-8")
    assert "a light-skinned character with red hair, wearing a blue shirt and white trousers, walking" in html
    assert 'src="media/mixed.mp4"' in html and "Say it, show it" in html
    demo.results["directed"] = None
    assert "Say it, show it" not in write_page(demo).read_text(encoding="utf-8")


def test_the_packaged_model_knows_all_sentences(demo):
    generator = VideoGenerator.from_pretrained(demo.settings.shown)
    assert is_told(generator) and len(set(acting(["walk"] * 16))) == 16 == len(set(characters(16)))
    generator.text = None
    assert not is_told(generator)
