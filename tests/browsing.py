"""Pages in a real browser: they ask nobody for anything, and their console is silent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 30_000
"""Milliseconds to wait for anything, on a machine that has other work."""


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser is installed ({', '.join(NAMES)})")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, page: Path, *, width: int = 1280, height: int = 800, own: Sequence[str] = (), **options: Any
) -> Iterator[Page]:
    """The page from its file.

    In the end it must have asked for nothing but itself and addresses that begin as one of `own`, and have said
    nothing on the console.
    """
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE)
    tab, complaints = context.new_page(), []
    tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    tab.on("request", lambda request: complaints.append(request.url))
    tab.goto(page.as_uri())
    yield tab
    context.close()
    assert [said for said in complaints if not said.startswith((page.as_uri(), "blob:", "data:", *own))] == []
