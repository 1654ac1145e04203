"""A real browser for tests: Debian's Chromium, driven by playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

EXECUTABLE = Path("/usr/bin/chromium")

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; a test is skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not EXECUTABLE.exists():
        pytest.skip(f"{EXECUTABLE} is not there; apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=[*_QUIET])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page, what it logged, and what it asked for beside its own file."""

    page: Any
    logged: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


def until(page: Any, expression: str, tries: int = 400) -> None:
    """Wait until an expression holds; playwright's own waiting needs eval, which pages forbid."""
    for _ in range(tries):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never true: {expression}")


@contextmanager
def opened(
    browser: Any, file: Path, width: int, scheme: str, touch: bool = False
) -> Iterator[Seen]:
    """Open a file in a window of ``width`` pixels, light or dark, without a network."""
    context = browser.new_context(
        viewport={"width": width, "height": 844 if width < 600 else 900},
        color_scheme=scheme,
        has_touch=touch,
        is_mobile=touch,
        offline=True,
    )
    seen = Seen(context.new_page())
    seen.page.on("console", lambda message: seen.logged.append(f"{message.type}: {message.text}"))
    seen.page.on("pageerror", lambda error: seen.logged.append(f"error: {error}"))
    seen.page.on("request", lambda request: seen.asked.append(request.url))
    seen.page.goto(file.as_uri())
    yield seen
    context.close()
