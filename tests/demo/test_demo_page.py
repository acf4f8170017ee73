"""The page: what it asks for is there, in every state, and an open page gets what has changed alone."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from pvdm.demo.demo_folder import Demo
from pvdm.demo.demo_page import write_page
from pvdm.demo.page_figures import figure_rows
from pvdm.demo.stages import STEPS


class Page(HTMLParser):
    """The addresses, texts of alternatives, headings and parts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.unlabelled: list[str] = []
        self.videos: list[dict] = []
        self.stamps: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        found = dict(attributes)
        self.files += [found[name] for name in ("src", "href", "poster") if name in found]
        if tag == "img" and "alt" not in found:
            self.unlabelled.append(found["src"])
        if tag == "video":
            self.videos.append(found)
        if "data-part" in found:
            self.stamps[found["data-part"]] = found["data-stamp"]


def test_all_that_a_page_asks_for_lies_beside_it(demo, states):
    for text in states:
        files = [name for name in Page(text).files if not name.startswith("#")]
        assert not [name for name in files if not (demo.folder / name).is_file()]
    assert len(files) > 20


def test_videos_start_by_themselves_and_say_what_they_show(states):
    page = Page(states[-1])
    assert len(page.videos) > 10 and not page.unlabelled
    for video in page.videos:
        assert video.keys() >= {"autoplay", "muted", "loop", "playsinline"} and video["aria-label"]


def test_the_page_names_what_is_running_and_ends_without(states):
    assert len(states) == len(STEPS) + 1
    for step, text in zip(STEPS, states, strict=False):
        assert re.search(rf'aria-current="step" data-since="[\d.]+"><span class="what">{step.title}', text)
    assert "aria-current" not in states[-1] and "Finished: everything below" in states[-1]
    assert "generated clips" not in states[0] and "4 generated clips" in states[-1]


def test_an_open_page_is_told_the_parts_that_have_changed(demo, states):
    update = json.loads((demo.folder / "update.js").read_text().removeprefix("pvdmUpdate(").removesuffix(");\n"))
    pages = [Page(text).stamps for text in states]
    assert {name: part["stamp"] for name, part in update["parts"].items()} == pages[-1]
    for before, after in pairwise(pages[1:]):
        assert before["stage"] == after["stage"] and before["noise"] == after["noise"]  # their videos go on playing
    assert all(part["html"].strip() in states[-1] for part in update["parts"].values())


def test_names_are_escaped(states):
    assert "a &lt;wave&gt; &amp; more" in states[-1] and "<wave>" not in states[-1]
    assert (
        "drawn by hand" not in states[0] and "training data: drawn by hand; license of the weights: CC0." in states[-1]
    )


def test_the_figures_are_on_the_page(demo, states):
    rows = figure_rows(demo.results)
    assert len(rows) == 11
    for row in rows:
        assert f"{row['name']}<small>" in states[-1] and f"<td>{row['value']}</td>" in states[-1]


@pytest.mark.parametrize("steps", range(len(STEPS)))
def test_an_interrupted_demo_has_a_page(demo, tmp_path, steps):
    """Of any number of steps: the results of the later ones are not there yet."""
    clips, fidelity = ["videos", "fps", "left_out"], ["psnr", "psnr_before", "blocks"]
    keys = {"clips": clips, "reconstructions": fidelity, "diffusion": ["trained"], "samples": ["nearest"]}
    done = [key for step in STEPS[:steps] for key in keys.get(step.name, [step.name])]
    results = {key: value for key, value in demo.results.items() if key in done}
    text = write_page(Demo(tmp_path, demo.settings, results)).read_text(encoding="utf-8")
    assert "{{" not in text and "None" not in text and "Finished" in text
