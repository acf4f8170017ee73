"""The report in a browser: handles move, what is left agrees with the command, and all fits on a phone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from browsing import opened
from curation.small_catalogue import Plain, catalogue

from pvdm.curation.report.clip_thumbnails import write_thumbnails
from pvdm.curation.report.curation_report import write_report
from pvdm.curation.report.report_columns import usable
from pvdm.data.catalogue.selection import seconds_of, select


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return catalogue(tmp_path_factory.mktemp("my clips"), 500)


@pytest.fixture(scope="module")
def report(clips) -> Path:
    folder = clips.path.parent
    return write_report(clips, folder, write_thumbnails(clips.table, folder / "thumbnails", Plain, most=60))


def settle(tab) -> None:
    """Waits until the page shows what was done."""
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def press(tab, label: str, key: str, times: int = 1) -> None:
    for _ in range(times):
        tab.get_by_label(label, exact=True).press(key)
    settle(tab)


def box(tab, word: str):
    """The checkbox of a choice, whose label ends in the number of clips."""
    return tab.get_by_role("checkbox", name=re.compile(rf"^{re.escape(word)} [\d,]+$"))


def expression(tab) -> str:
    settle(tab)
    words = shlex.split(tab.locator("#command").text_content())
    assert words[:2] == ["pvdm", "select"] and Path(words[2]).name.startswith("my clips")
    assert words[-2:] == ["--output", "selection.parquet"]
    return words[words.index("--where") + 1]


def left(tab) -> tuple[int, float]:
    settle(tab)
    clips, hours = (tab.locator(f".outcome [data-left={name}]").text_content() for name in ("clips", "hours"))
    return int(clips.replace(",", "")), float(hours)


def check(tab, clips) -> int:
    """What the page says to be left is what its command selects."""
    kept = select(clips, where=expression(tab)).clips.table
    assert left(tab) == (len(kept), float(f"{seconds_of(kept).sum() / 3600:.2f}"))
    return len(kept)


def test_what_is_left_is_what_the_command_selects(browser, report, clips):
    with opened(browser, report) as tab:
        assert expression(tab) == "cuts == 0 and not duplicate_of"
        first = check(tab, clips)
        press(tab, "Motion: keep from", "ArrowRight", 6)
        press(tab, "Text: keep below", "ArrowLeft", 3)
        press(tab, "Height: keep from", "End")
        assert re.search(r"motion >= \S+ and text_area < \S+ and height >= 720$", expression(tab))
        assert 0 < check(tab, clips) < first
        box(tab, "duplicates of others").check()
        box(tab, 'say "x"').uncheck()
        box(tab, "not measured").uncheck()
        assert 'kind == "still" or kind == "video"' in expression(tab)
        check(tab, clips)
        press(tab, "Sharpness: keep from", "ArrowRight")  # leaves out those that were not measured
        check(tab, clips)
        tab.get_by_role("button", name="Remove all limits").click()
        box(tab, "unsure cuts inside").check()
        for word in ('say "x"', "not measured"):
            box(tab, word).check()
        assert expression(tab) == "not error" and check(tab, clips) == len(usable(clips.table))
        for word in ("no", "yes"):
            box(tab, word).uncheck()
        assert left(tab)[0] == 0 and tab.locator("#copy").is_disabled()


def test_the_clips_nearest_to_the_threshold_are_shown_on_both_sides(browser, report):
    with opened(browser, report) as tab:
        card = tab.get_by_role("article").filter(has_text="motion").first
        assert card.locator("h5").all_text_contents() == ["From the lowest", "to the highest"]
        press(tab, "Motion: keep from", "ArrowRight", 15)
        threshold = float(re.search(r">= (\S+)", expression(tab).split(" and ")[-1])[1])
        below, above = (
            [float(text) for text in part.locator("li b").all_text_contents()] for part in card.locator("section").all()
        )
        assert sorted(below) == below and below[-1] < threshold <= above[0] and len(below) == len(above) == 5
        assert card.locator("section").first.locator("li.out").count() == 5
        assert all(card.locator("img").evaluate_all("all => all.map(one => one.naturalHeight === 160 && one.alt)"))
        handle = tab.get_by_label("Motion: keep from", exact=True)
        assert handle.get_attribute("aria-valuetext") == f"at least {threshold:g}"
        card.get_by_role("button", name="Remove the limit of Motion").click()
        settle(tab)
        assert card.locator("h5").first.text_content() == "From the lowest" and handle.input_value() == "0"


def test_handles_do_not_pass_each_other(browser, report, clips):
    with opened(browser, report) as tab:
        press(tab, "Brightness: keep from", "End")
        press(tab, "Brightness: keep below", "Home")
        low, high = (int(tab.get_by_label(f"Brightness: keep {side}").input_value()) for side in ("from", "below"))
        assert high == low + 1
        check(tab, clips)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_in_one_direction_alone(browser, report, scheme):
    with opened(browser, report, width=390, color_scheme=scheme) as phone:
        assert phone.evaluate("document.documentElement.scrollWidth") == 390
        ground = phone.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(re.search(r"\d+", ground)[0]) > 128) == (scheme == "light")


def test_the_command_is_copied(browser, report):
    with opened(browser, report, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.get_by_role("button", name="Copy the command").click()
        tab.get_by_role("button", name="Copied").wait_for()
        assert tab.evaluate("navigator.clipboard.readText()") == tab.locator("#command").text_content()
