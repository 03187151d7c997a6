"""Open a local page with headless Chromium: open_page.py CHROMIUM FILE PNG.

Prints as JSON: addresses that were asked for, what the console said, the background in light and dark, the size of the
printed document and whether a drawing is shown. Keeps a picture.
"""

import json
import sys

from playwright.sync_api import sync_playwright

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def main(chromium, file, picture):
    """Look at it in both colour schemes, and print it."""
    asked, said = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, "--no-sandbox", "--disable-quic"])
        page = browser.new_page(viewport={"width": 1280, "height": 1500}, color_scheme="light")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"file://{file}")
        light = page.evaluate(BACKGROUND)
        page.screenshot(path=picture)
        page.emulate_media(color_scheme="dark")
        dark = page.evaluate(BACKGROUND)
        box = page.locator("svg.graph").bounding_box()
        printed = page.pdf()
        browser.close()
    shown = bool(box) and box["width"] > 300 and box["height"] > 100
    print(json.dumps({"asked": asked, "said": said, "light": light, "dark": dark, "pdf": len(printed), "shown": shown}))


main(*sys.argv[1:])
