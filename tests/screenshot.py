"""Takes the pictures of a report that README shows: light, and dark.

  python -m tests.screenshot --page=out/demo/report.html --output=docs/report.png

The dark one gets the name with _dark. Needs Debian's chromium and chromium-driver.

Exit code 0: written; 2: the request cannot be served.
"""

import io
import pathlib
import tempfile

from absl import flags
from PIL import Image
from selenium.webdriver.common.by import By

from pipeline import files
from pipeline.errors import InputError
from tests import browser
from tools import cli

_PAGE = flags.DEFINE_string("page", None, "Of tools.report.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "The .png file to write.", required=True)

_SIZE = (1280, 1640)
_CHOSEN_OP = 1  # Whose figures are shown, or of a smaller graph the last one's.


def main() -> None:
    """Writes both pictures."""
    page, output = pathlib.Path(_PAGE.value).resolve(), pathlib.Path(_OUTPUT.value)
    page.stat()
    if missing := browser.missing():
        raise InputError(f"needed a browser: apt-get install {' '.join(missing)}")
    dark = output.with_name(f"{output.stem}_dark{output.suffix}")
    with (
        tempfile.TemporaryDirectory() as profile,
        browser.chromium(pathlib.Path(profile)) as driver,
    ):
        browser.resize(driver, *_SIZE)
        for path, scheme in ((output, "light"), (dark, "dark")):
            browser.prefer(driver, scheme)
            driver.get(page.as_uri())
            nodes = driver.find_elements(By.CSS_SELECTOR, "a.node")
            for node in nodes[: _CHOSEN_OP + 1][-1:]:
                driver.execute_script("arguments[0].focus({preventScroll: true})", node)
                node.send_keys("\n")
            driver.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
            content = _smaller(browser.picture(driver))
            files.write_bytes(path, content)
            print(f"{path}: {len(content):,} bytes")


def _smaller(picture: bytes) -> bytes:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


if __name__ == "__main__":
    cli.run(main)
