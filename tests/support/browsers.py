"""Debian's Chromium, headless, and pages of it that tell what they refuse."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
wants_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without visitors."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"])
        yield launched
        launched.close()


@contextmanager
def visitor(browser: Browser, **context: Any) -> Iterator[Page]:
    """A visitor of their own, whose browser has had nothing to refuse in the end; ``context`` as Playwright's."""
    opened = browser.new_context(**context)
    page, complaints = opened.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    opened.close()
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
