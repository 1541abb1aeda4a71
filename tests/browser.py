"""Pages in a headless Chromium, for tests and for pictures of them."""

import base64
import contextlib
import json
import pathlib
import shutil
from collections.abc import Generator, Sequence
from typing import Any, Literal

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# Program -> Debian's package.
NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver"}

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1"),
)


def missing() -> list[str]:
    """Returns the packages that have to be installed first."""
    return [package for program, package in NEEDED.items() if shutil.which(program) is None]


@contextlib.contextmanager
def chromium(
    profile: pathlib.Path, size: tuple[int, int] = (1280, 900)
) -> Generator[webdriver.Chrome, None, None]:
    """Yields a browser without any history; it ends with the block.

    Args:
      profile: Folder for what it writes; absent or empty.
      size: Of its window, in pixels.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        driver.set_page_load_timeout(120)
        yield driver
    finally:
        driver.quit()


def prefer(driver: webdriver.Chrome, scheme: Literal["light", "dark"]) -> None:
    """Lets pages believe that the reader prefers a colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def resize(driver: webdriver.Chrome, width: int, height: int) -> None:
    """Sets the size of what pages see, whatever the window's own parts take."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requested(driver: webdriver.Chrome) -> Sequence[str]:
    """Returns the addresses asked for since the last call."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def picture(driver: webdriver.Chrome) -> bytes:
    """Returns what the window shows, as PNG."""
    return base64.b64decode(_answer(driver, "Page.captureScreenshot", {"format": "png"})["data"])


def printed(driver: webdriver.Chrome) -> bytes:
    """Returns the page as it prints, as PDF."""
    return base64.b64decode(_answer(driver, "Page.printToPDF", {"printBackground": True})["data"])


def _answer(driver: webdriver.Chrome, command: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return driver.execute_cdp_cmd(command, parameters)
