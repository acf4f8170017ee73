"""The report in a browser: it asks nobody for anything, videos play, filters and keys work, votes are downloaded."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmark.small_report import figure, small_results, video, write_benchmark
from browsing import PATIENCE, opened

from pvdm.benchmark.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

MODELS = ("Generated · 400/400, ddim · 16 frames", "Other model · 16 frames")
FRONTS = ("ink", "soft", "accent", "warn", "good", "reference", *(f"c{index}" for index in range(6)))


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    content = small_results()
    content["videos"] += [video("other", index, 16) for index in range(3)]
    content["figures"] += [
        figure("is", None, missing=f"no file is at /{'x' * 200}.pt"),
        figure("rfvd", None, missing=" y" * 300),
    ]
    return write_report(write_benchmark(tmp_path_factory.mktemp("report"), content))


@pytest.fixture
def desk(browser, report) -> Iterator[Page]:
    """The page on a wide screen."""
    with opened(browser, report, width=1280, height=900) as page:
        yield page


def visible_clips(page: Page) -> list[str]:
    return page.eval_on_selector_all(
        ".clip", "all => all.filter(clip => clip.offsetParent).map(clip => clip.dataset.kind + clip.dataset.class)"
    )


def time_of(page: Page, selector: str) -> float:
    return page.eval_on_selector(selector, "video => video.currentTime")


def wait_for_playing(page: Page, selector: str) -> None:
    wait_until(page, lambda: time_of(page, selector) > 0.04)


def wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """Asks again and again; the page's policy forbids Playwright's own way, which is `eval`."""
    for _ in range(PATIENCE // 20):
        if holds():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it has not come about")


def test_videos_play_when_seen_until_all_are_paused(desk):
    first = ".clip[data-kind=real] video"
    desk.locator(first).first.scroll_into_view_if_needed()
    wait_for_playing(desk, first)
    desk.get_by_role("button", name="Pause all").click()
    before = time_of(desk, first)
    desk.wait_for_timeout(150)
    assert time_of(desk, first) == before
    desk.get_by_role("button", name="Play all").click()
    wait_until(desk, lambda: time_of(desk, first) != before)


def test_videos_that_are_not_seen_hold_no_player(desk):
    first = ".clip[data-kind=real] video"
    desk.locator(first).first.scroll_into_view_if_needed()
    wait_for_playing(desk, first)
    desk.evaluate("scrollTo(0, document.body.scrollHeight)")
    wait_until(desk, lambda: desk.locator(first).first.get_attribute("src") is None)
    assert desk.eval_on_selector(first, "video => video.poster").startswith("data:image/jpeg")


def test_videos_are_filtered_by_kind_and_class(desk):
    assert len(visible_clips(desk)) == 10
    desk.get_by_role("button", name="Real", exact=True).click()
    assert "real" not in " ".join(visible_clips(desk)) and len(visible_clips(desk)) == 7
    assert not desk.locator(".lane[data-kind=real]").is_visible()
    desk.get_by_label("Class", exact=True).select_option("Archery")
    assert sorted(visible_clips(desk)) == ["extendedArchery", "generatedArchery", "otherArchery"]
    assert desk.locator("#shown").text_content() == "3 of 10 videos"
    desk.get_by_role("button", name="Real", exact=True).click()
    desk.get_by_label("Class", exact=True).select_option("")
    assert len(visible_clips(desk)) == 10


def test_a_video_is_enlarged_and_left_by_keys(desk):
    opener = desk.get_by_role("button", name="Enlarge: Real · 16 frames, Biking, number 1")
    opener.click()
    wait_for_playing(desk, "#viewer video")
    assert desk.locator("#viewer-text").text_content() == "Biking, number 1 (2 of 10)"
    desk.keyboard.press("ArrowRight")
    assert desk.locator("#viewer-text").text_content() == "Bowling, number 2 (3 of 10)"
    for _ in range(3):
        desk.keyboard.press("ArrowLeft")
    assert "(10 of 10)" in desk.locator("#viewer-text").text_content()
    assert desk.locator("#viewer-title").text_content() == "Extended · 400/400, ddim · 40 frames"
    desk.keyboard.press("Escape")
    assert not desk.locator("#viewer").is_visible()
    focus = "document.activeElement.getAttribute('aria-label')"
    wait_until(desk, lambda: desk.evaluate(focus) == "Enlarge: Extended · 400/400, ddim · 40 frames, Archery, number 0")


def test_two_models_are_offered_first_and_only_videos_of_one_length(desk):
    offered = desk.eval_on_selector_all("#contest option", "all => all.map(option => option.text)")
    assert offered[0].split(" or ") == list(MODELS)
    assert "Generated · 400/400, ddim · 16 frames or Real · 16 frames" in offered
    assert not any("40 frames" in option for option in offered)


def judge(page: Page, keys: str) -> list[str]:
    """Presses the keys, one a pair, and returns what the page's comparison held while it did."""
    seen = []
    for key in keys:
        wait_for_playing(page, "#judge-left")
        wait_for_playing(page, "#judge-right")
        seen.append(page.locator("#judge").evaluate("dialog => dialog.outerHTML"))
        page.keyboard.press(key)
    return seen


def downloaded(page: Page, button: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.locator(button).click()
    assert download.value.suggested_filename == "pvdm-votes.csv"
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_votes_of_a_blind_comparison_are_downloaded(desk):
    desk.locator("#blind-start").click()
    assert desk.locator("#judge-progress").text_content() == "Pair 1 of 3"
    seen = judge(desk, "1")
    desk.keyboard.press("Backspace")
    assert desk.locator("#judge-progress").text_content() == "Pair 1 of 3"
    seen += judge(desk, "120")
    assert not re.search(r"\.mp4|Generated|Other model|Archery|Biking|Bowling|data-kind|data:", " ".join(seen))
    shown = desk.locator("#judge-result").inner_text()
    votes = downloaded(desk, "#judge-download")
    assert list(votes[0])[:5] == ["pair", "left", "right", "choice", "time"]
    assert [vote["choice"] for vote in votes] == ["left", "right", "same"]
    assert sorted(vote["pair"] for vote in votes) == ["1", "2", "3"]
    for vote in votes:
        assert {vote["left"][-7:], vote["right"][-7:]} == {f"00{int(vote['pair']) - 1}.mp4"}
        assert {vote["left"].split("_")[0], vote["right"].split("_")[0]} == {"videos/generated", "videos/other"}
        assert MODELS[("other" in vote["left"])] == vote["left_is"] and {vote["left_is"], vote["right_is"]} == set(
            MODELS
        )
        datetime.fromisoformat(vote["time"].replace("Z", "+00:00"))
    preferred = [votes[0]["left_is"], votes[1]["right_is"]]
    for name in MODELS:
        assert re.search(rf"{re.escape(name)}\s+{preferred.count(name)}\s", shown)
    desk.locator("#judge-close").click()


def test_a_round_that_is_left_can_be_continued(desk):
    desk.get_by_label("Pairs").fill("2")
    desk.locator("#blind-start").click()
    judge(desk, "2")
    desk.keyboard.press("Escape")
    assert not desk.locator("#judge").is_visible()
    assert desk.locator("#blind-note").text_content() == "1 vote so far; 1 of this round left."
    desk.get_by_role("button", name="Continue").click()
    assert desk.locator("#judge-progress").text_content() == "Pair 2 of 2"
    desk.get_by_role("button", name="No difference").click()
    desk.locator("#judge-close").click()
    votes = downloaded(desk, "#blind-download")
    assert [vote["choice"] for vote in votes] == ["right", "same"]
    assert len({vote["seed"] for vote in votes}) == 1


def test_a_phone_scrolls_in_one_direction_alone(browser, report):
    with opened(browser, report, width=360, height=740) as phone:
        assert phone.evaluate("document.documentElement.scrollWidth") == 360
        phone.locator("#blind-start").click()
        assert phone.evaluate("document.documentElement.scrollWidth") == 360
        assert phone.locator("#judge").evaluate("dialog => dialog.scrollWidth") == 360


def test_a_phone_s_menu_is_whole(browser, report):
    with opened(browser, report, width=360, height=740) as phone:
        menu = phone.eval_on_selector_all("nav a", "all => all.map(link => link.getBoundingClientRect().right)")
        assert len(menu) == 8 and max(menu) <= 360
        assert phone.eval_on_selector("nav div", "div => div.scrollWidth <= div.clientWidth")
        phone.get_by_role("link", name="Circumstances").click()
        assert phone.eval_on_selector("#how h2", "title => title.getBoundingClientRect().top") >= 0


def column(page: Page, section: str, number: int) -> list[str]:
    """A column of the first table of a section."""
    rows = page.locator(f"{section} table").first.locator("tbody tr")
    return rows.evaluate_all("(rows, number) => rows.map(row => row.cells[number].textContent)", number)


def test_tables_are_sorted_by_click_and_key(desk):
    heads = desk.locator("#fvd16 table").first.locator("thead th")
    before = column(desk, "#fvd16", 1)
    assert heads.nth(1).get_attribute("aria-sort") == "ascending"
    heads.nth(1).get_by_role("button", name="Value").click()
    values = [float(re.match(r"[\d.]+", cell)[0]) for cell in column(desk, "#fvd16", 1)]
    assert values == sorted(values, reverse=True) and len(values) == len(before)
    assert heads.nth(1).get_attribute("aria-sort") == "descending"
    heads.nth(0).get_by_role("button", name="Method").focus()
    desk.keyboard.press("Enter")
    names = [name.lower() for name in column(desk, "#fvd16", 0)]
    assert names[0].startswith("ar-diffusion") and names[-1].startswith("vidm")
    assert [head.get_attribute("aria-sort") for head in heads.all()] == ["ascending", None, None, None]
    heads.nth(1).get_by_role("button", name="Value").focus()
    desk.keyboard.press("Space")
    assert column(desk, "#fvd16", 1) == before


def test_a_row_without_a_value_stays_last_whichever_way(desk):
    head = desk.locator("#fvd128 table").first.get_by_role("button", name="Value")
    for _ in range(3):
        assert column(desk, "#fvd128", 0)[-1] == "This model"
        head.click()


def test_a_page_without_videos_works_and_says_that_nothing_can_be_compared(browser, tmp_path):
    empty = write_report(write_benchmark(tmp_path, small_results(videos=[], nearest=[])))
    with opened(browser, empty, width=800, height=600) as page:
        assert page.locator("#blind-start").is_disabled()
        assert "no two groups of videos" in page.locator("#blind-note").text_content()


def luminance(color: list[float]) -> float:
    """WCAG 2.2, relative luminance of sRGB in [0, 255]."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (c / 255 for c in color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground_in_both_schemes(desk, scheme):
    desk.emulate_media(color_scheme=scheme)
    colors = desk.evaluate(
        """names => names.map(name => {
          const probe = document.body.appendChild(document.createElement('i'));
          probe.style.color = `var(--${name})`;
          const found = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number);
          probe.remove();
          return [name, found];
        })""",
        [*FRONTS, "page", "card", "accent-soft", "warn-soft", "good-soft"],
    )
    light = {name: luminance(color) for name, color in colors}
    words = [("accent", "accent-soft"), ("warn", "warn-soft"), ("good", "good-soft"), ("soft", "accent-soft")]
    for front, back in [*words, *((name, ground) for name in FRONTS for ground in ("page", "card"))]:
        high, low = sorted((light[front], light[back]), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (front, back)
    assert (light["page"] > 0.5) == (scheme == "light")
