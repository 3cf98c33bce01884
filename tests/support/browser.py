"""A real Chromium for a test, driven through its own chromedriver; nothing is downloaded."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

_PROGRAMS = ("chromium", "chromedriver")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root, and only pages of ours are loaded
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-background-networking",
)


def missing() -> str | None:
    """What is not installed, None when all is there."""
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)} (Debian: chromium, chromium-driver)" if absent else None


@contextlib.contextmanager
def running_browser(folder: Path) -> Iterator[Chrome]:
    """A browser that knows nobody yet; what it stores lies in `folder`. Raises RuntimeError where none is installed."""
    if reason := missing():
        raise RuntimeError(f"these tests need Chromium; {reason}")
    chromium, driver = (shutil.which(program) for program in _PROGRAMS)
    options = ChromeOptions()
    options.binary_location = chromium or ""
    for option in (*_OPTIONS, f"--user-data-dir={folder}"):
        options.add_argument(option)
    browser = Chrome(options=options, service=ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def eventually(holds: Callable[[], bool], what: str, *, within_seconds: float = 60.0) -> None:
    """Return as soon as `holds` says True; raises TimeoutError."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_seconds:g} s: {what}")
        time.sleep(0.05)
