"""Look at pages with headless Chromium: browse.py CHROMIUM, then URL TEXT PNG for each page.

Waits until the page shows TEXT, says what else it says, keeps a picture. Exit 1 with the page's text if it never does.
"""

import sys

from playwright.sync_api import TimeoutError as NeverShown
from playwright.sync_api import sync_playwright

# Chromium asks its maker's hosts for this and that at every start.
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
SECONDS = 60


def look(page, url, text, picture):
    """One page."""
    page.goto(url, timeout=SECONDS * 1000)
    try:
        page.get_by_text(text).first.wait_for(timeout=SECONDS * 1000)
    except NeverShown:
        raise SystemExit(f"{url} never showed {text!r}, but:\n{page.inner_text('body')}") from None
    page.screenshot(path=picture)
    print(page.inner_text("body"))


def main(chromium, *wanted):
    """Every page in one browser."""
    with sync_playwright() as playwright:
        options = {"executable_path": chromium, "args": [*QUIET, "--no-sandbox", "--disable-quic"]}
        browser = playwright.chromium.launch(**options)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        for at in range(0, len(wanted), 3):
            look(page, *wanted[at : at + 3])
        browser.close()


main(*sys.argv[1:])
