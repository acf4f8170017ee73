"""The page of a blind comparison in a browser: keys vote, a reload goes on, and a vote that is not saved is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from browsing import PATIENCE

from pvdm.curation.preferences.blind_pairs import write_pairs
from pvdm.curation.preferences.vote_server import vote_server
from pvdm.curation.preferences.votes import VOTES, VoteLog

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def folder(tmp_path) -> Path:
    random = torch.Generator().manual_seed(0)
    samples = {
        name: [torch.randint(0, 256, (3, 4, 32, 32), dtype=torch.uint8, generator=random) for _ in range(3)]
        for name in ("curated", "heap")
    }
    write_pairs(tmp_path, samples, fps=8, question="Which is better?")
    return tmp_path


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[int]:
    with vote_server(folder, port=port, voter="") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def tab(browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def says(tab, text: str) -> None:
    tab.locator("main[aria-busy=false] #progress", has_text=text).wait_for()


def votes(folder: Path) -> dict[int, str]:
    return {vote.pair: vote.choice for vote in VoteLog(folder / VOTES).votes()}


def test_keys_vote_and_a_reload_goes_on(tab, folder):
    with served(folder) as port:
        tab.goto(f"http://127.0.0.1:{port}/")
        says(tab, "Pair 1 of 3")
        assert all(
            tab.locator("video").evaluate_all(
                "all => all.map(one => one.videoWidth === 32 && one.src.startsWith('blob:'))"
            )
        )
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert not {"curated", "heap"} & set(tab.content().split())
        tab.keyboard.press("1")
        says(tab, "Pair 2 of 3")
        assert votes(folder) == {1: "left"}
        tab.keyboard.press("Backspace")
        says(tab, "Pair 1 of 3")
        tab.keyboard.press("0")
        says(tab, "Pair 2 of 3")
        tab.reload()
        says(tab, "Pair 2 of 3")
        tab.get_by_role("button", name="Right").click()
        says(tab, "Pair 3 of 3")
    tab.keyboard.press("2")  # the server is gone
    tab.get_by_role("alert").filter(has_text="The vote could not be saved").wait_for()
    assert votes(folder) == {1: "same", 2: "right"} and tab.locator("#progress").text_content() == "Pair 3 of 3"
    with served(folder, port):
        tab.keyboard.press("2")
        tab.get_by_text("All pairs are judged").wait_for()
    assert votes(folder) == {1: "same", 2: "right", 3: "right"} and not tab.get_by_role("alert").is_visible()


def test_the_page_without_its_server_says_what_to_do(tab, folder):
    tab.goto((folder / "index.html").as_uri())
    assert "pvdm curate vote" in tab.get_by_role("alert").text_content()
