"""The pages of a study in a browser: keys and fingers vote, a reload resumes, and what is not saved is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from studio.small_study import served, small_study

from pvdm.evaluation.preferences.study_store import STORE, StudyStore

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
PATIENCE = 30_000
"""Milliseconds to wait for anything, on a machine that has other work."""


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return small_study(tmp_path_factory.mktemp("study"), samples=3, size=(32, 64))


@pytest.fixture
def folder(written, tmp_path) -> Path:
    """The study without votes."""
    (tmp_path / "videos").symlink_to(written / "videos")
    (tmp_path / STORE).write_bytes((written / STORE).read_bytes())
    return tmp_path


@contextmanager
def opened(browser, width: int = 1440, **options) -> Iterator[sync_api.Page]:
    """A tab; in the end nobody but the server must have been asked, and no script have failed."""
    context = browser.new_context(viewport={"width": width, "height": 844}, **options)
    context.set_default_timeout(PATIENCE)
    tab, complaints = context.new_page(), []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: complaints.append(request.url))
    yield tab
    context.close()
    assert [said for said in complaints if not said.startswith(("http://127.0.0.1:", "blob:", "data:"))] == []


def says(tab, text: str) -> None:
    tab.locator("main[aria-busy=false] #progress", has_text=text).wait_for()


def votes(folder: Path) -> list[tuple[int, str, str]]:
    with StudyStore(folder) as store:
        return [(vote.place, vote.question, vote.choice) for vote in store.votes()]


def test_keys_vote_and_a_reload_resumes(browser, folder):
    with opened(browser) as tab:
        with served(folder) as server:
            tab.goto(server.links[0])
            tab.get_by_role("button", name="Start").click()
            says(tab, "Pair 1 of 3, question 1 of 2")
            tab.keyboard.press("ArrowLeft")
            says(tab, "Pair 1 of 3, question 2 of 2")
            assert tab.get_by_role("heading").text_content() == "Which moves better?"
            tab.keyboard.press("ArrowDown")
            says(tab, "Pair 2 of 3, question 1 of 2")
            tab.keyboard.press("Backspace")
            says(tab, "Pair 1 of 3, question 2 of 2")
            assert tab.get_by_role("button", name="No difference", pressed=True).is_visible()
            tab.keyboard.press("ArrowRight")
            says(tab, "Pair 2 of 3")
            tab.reload()
            says(tab, "Pair 2 of 3, question 1 of 2")
        tab.keyboard.press("2")  # the server is gone
        tab.get_by_role("alert").filter(has_text="The answer could not be saved").wait_for()
        says(tab, "Pair 2 of 3, question 1 of 2")
        with served(folder, port=server.server_port):
            for _ in range(4):
                before = tab.locator("#progress").text_content()
                tab.keyboard.press("2")
                tab.locator("main[aria-busy=false] #progress").filter(has_not_text=before).wait_for()
            tab.get_by_text("That was the last pair").wait_for()
        assert not tab.get_by_role("alert").is_visible()
    others = [(place, question, "right") for place in (1, 2) for question in ("motion", "quality")]
    assert votes(folder) == [(0, "motion", "right"), (0, "quality", "left"), *others]


def test_both_videos_play_together_and_the_next_pair_is_there(browser, folder):
    with opened(browser) as tab, served(folder) as server:
        tab.goto(server.links[0])
        tab.get_by_role("button", name="Start").click()
        says(tab, "Pair 1 of 3")
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        times = "() => [...document.querySelectorAll('video')].map((video) => video.currentTime)"
        for _ in range(3):
            left, right = tab.evaluate(times)
            assert abs(left - right) < 0.3
            tab.wait_for_timeout(100)
        for key in ("ArrowLeft", "ArrowLeft"):
            tab.keyboard.press(key)
            tab.locator("main[aria-busy=false]").wait_for()
        says(tab, "Pair 2 of 3")
        assert not [url for url in asked if "/videos/1/" in url]  # they were loaded ahead


def test_a_phone_has_wide_videos_one_below_the_other(browser, folder):
    with opened(browser, width=390, has_touch=True, is_mobile=True) as tab, served(folder) as server:
        tab.goto(server.links[0])
        tab.get_by_role("button", name="Start").tap()
        says(tab, "Pair 1 of 3")
        upper, lower = (tab.locator(f"#{side}").bounding_box() for side in ("left", "right"))
        assert lower["y"] >= upper["y"] + upper["height"] and upper["width"] > 340
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        tab.get_by_role("button", name="Lower").tap()
        says(tab, "question 2 of 2")
    assert votes(folder) == [(0, "quality", "right")]


def test_the_result_follows_the_votes(browser, folder):
    with opened(browser, width=390, color_scheme="dark") as tab, served(folder) as server:
        total, (task, _) = server.store.tasks("anna")
        tab.goto(server.links[1])
        tab.get_by_text("0 people · 0 pairs judged").wait_for()
        server.store.add_vote(1, task.place, "motion", "right" if task.is_mirrored else "left", 1.0)
        tab.get_by_text("1 person · 1 pair judged").wait_for()
        assert tab.locator("tbody tr").first.inner_text().startswith("curated")
        assert tab.evaluate("document.documentElement.scrollWidth") == 390 and total == 3
        with tab.expect_download() as download:
            tab.get_by_role("link", name="All votes as CSV").click()
        assert Path(download.value.path()).read_text().count("\n") == 2


def test_a_link_without_its_token_says_what_is_missing(browser, folder):
    with opened(browser) as tab, served(folder, host="0.0.0.0") as server:
        tab.goto(f"http://127.0.0.1:{server.server_port}/")
        assert "the token is missing or wrong" in tab.locator("body").inner_text()
        tab.goto(f"http://127.0.0.1:{server.server_port}/?{server.links[0].partition('?')[2]}")
        tab.get_by_role("button", name="Start").click()
        says(tab, "Pair 1 of 3")
