"""Look at pages with headless Chromium: browse.py CHROMIUM USER, then URL WANTED PNG for each page.

Signs in where a page asks, with the password on standard input. Waits until the page shows what is wanted (a
selector of Playwright), says what else it says, keeps a picture. Exit 1 with the page's text if it never does.
"""

import sys

from playwright.sync_api import TimeoutError as NeverShown
from playwright.sync_api import sync_playwright

# Chromium asks its maker's hosts for this and that at every start.
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
SECONDS = 60


def look(page, url, selector, picture, user, password):
    """One page."""
    page.goto(url, timeout=SECONDS * 1000)
    wanted, login = page.locator(selector).first, page.get_by_label("Password")
    try:
        wanted.or_(login).first.wait_for(timeout=SECONDS * 1000)
        if login.count():
            page.get_by_label("Username").fill(user)
            login.fill(password)
            login.press("Enter")
        wanted.wait_for(timeout=SECONDS * 1000)
    except NeverShown:
        raise SystemExit(f"{url} never showed {selector!r}, but:\n{page.inner_text('body')}") from None
    page.screenshot(path=picture)
    print(page.inner_text("body"))


def main(chromium, user, *wanted):
    """Every page in one browser."""
    password = sys.stdin.read()
    with sync_playwright() as playwright:
        options = {"executable_path": chromium, "args": [*QUIET, "--no-sandbox", "--disable-quic"]}
        browser = playwright.chromium.launch(**options)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for at in range(0, len(wanted), 3):
            look(page, *wanted[at : at + 3], user, password)
        browser.close()


main(*sys.argv[1:])
