"""The page in a browser: videos play, narrow and wide, an open page follows the demo, and actions can be chosen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import browsing
import pytest

from pvdm.demo.demo_folder import Demo
from pvdm.demo.demo_page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

TEXTS = ("h2", "td", ".soft", ".kicker", ".content", ".motion", ".good", ".bad", "figcaption")


@contextmanager
def opened(browser, page: Path, width: int = 1280, **options) -> Iterator[Page]:
    """The page, which may ask for the files beside it."""
    with browsing.opened(browser, page, width=width, own=(page.parent.as_uri(),), **options) as tab:
        yield tab


def test_videos_start_by_themselves_and_can_be_paused(browser, demo):
    with opened(browser, demo.page) as tab:
        first = "document.querySelector('video')"
        tab.wait_for_function(f"{first}.currentTime > 0 && !{first}.paused")
        tab.get_by_role("button", name="Pause all videos").click()
        tab.wait_for_function("[...document.querySelectorAll('video')].every((video) => video.paused)")
        tab.get_by_role("button", name="Play all videos").click()
        tab.wait_for_function(f"!{first}.paused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_is_as_wide_as_its_screen_and_all_media_are_there(browser, demo, width, scheme):
    with opened(browser, demo.page, width, color_scheme=scheme) as tab:
        tab.evaluate("for (const video of document.querySelectorAll('video')) video.load()")
        tab.wait_for_function("[...document.querySelectorAll('video')].every((video) => video.videoWidth > 0)")
        assert tab.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        source = tab.evaluate("document.querySelector('video').currentSrc")
        assert source.endswith("stage_narrow.mp4" if width == 390 else "stage.mp4")
        foot = tab.evaluate(
            "document.body.scrollHeight - document.querySelector('footer').getBoundingClientRect().bottom"
        )
        assert foot <= 1  # nothing empty below


def test_text_can_be_read_in_both_schemes(browser, demo):
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) of every color of text on the page's ground."""
    for scheme in ("light", "dark"):
        with opened(browser, demo.page, color_scheme=scheme) as tab:
            ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            for name in TEXTS:
                color = tab.locator(f"main {name}").first.evaluate("found => getComputedStyle(found).color")
                assert contrast(color, ground) >= 4.5, (scheme, name)


def contrast(front: str, ground: str) -> float:
    """Of two colors as the browser writes them, "rgb(r, g, b)"."""
    low, high = sorted(map(luminance, (front, ground)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    values = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_an_action_can_be_chosen_by_keyboard(browser, demo):
    with opened(browser, demo.page) as tab:
        tab.get_by_label("all", exact=True).focus()
        tab.keyboard.press("ArrowRight")
        shown = tab.locator(".film:visible")
        assert shown.count() == 1 and shown.get_attribute("data-action") == "0"


def test_nothing_moves_for_who_wants_less_motion(browser, demo):
    with opened(browser, demo.page, reduced_motion="reduce") as tab:
        tab.wait_for_timeout(500)
        assert tab.evaluate("[...document.querySelectorAll('video')].every((video) => video.paused)")
        assert tab.get_by_role("button", name="Play all videos").is_visible()


def test_an_open_page_follows_the_demo_and_its_videos_play_on(browser, demo, tmp_path):
    shutil.copytree(demo.media, tmp_path / "media")
    done = {key: value for key, value in demo.results.items() if key != "long"}
    early = Demo(tmp_path, demo.settings, {**done, "running": {"name": "long", "since": 1.0}})
    write_page(early)
    with opened(browser, early.page) as tab:
        tab.evaluate("document.querySelector('video').isTheSame = true")
        assert tab.locator(".long").count() == 0 and tab.locator("[aria-current=step]").count() == 1
        early.results = demo.results
        write_page(early)
        tab.locator(".long").first.wait_for()
        tab.get_by_text("Finished: everything below").wait_for()
        assert tab.evaluate("document.querySelector('video').isTheSame")
