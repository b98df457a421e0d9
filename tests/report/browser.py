"""A real browser, headless: Chromium as the machine has it, or the one that Selenium brings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # as root, in a container
    "--disable-gpu",
    "--no-first-run",
    # It asks nobody for anything of its own.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One page at a time, and what it asked the network for and complained of."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, path: Path, fragment: str = "", *, runs_script: bool = True) -> None:
        """Open a report and wait until its script has run; earlier logs are forgotten."""
        for kind in ("browser", "performance"):
            self._driver.get_log(kind)  # type: ignore[no-untyped-call]  # Selenium's own is untyped
        self._driver.get("about:blank")
        self._driver.get(path.as_uri() + fragment)
        self.wait_for("location.protocol === 'file:' && document.readyState === 'complete'")
        if runs_script:
            self.wait_for("document.getElementById('filters')?.hidden === false")

    def resize(self, width: int, height: int) -> None:
        """Take a screen's size in pixels; below 500 it is a phone's."""
        self._driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def prefer(self, **features: str) -> None:
        """Set what the reader prefers, such as `prefers_color_scheme="dark"`."""
        named = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever it answers
        """Run a script in the page and answer what it returns."""
        return self._driver.execute_script(script, *arguments)

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true in the page."""
        WebDriverWait(self._driver, 20).until(lambda _: self.run(f"return {condition}"))

    def choose(self, element_id: str, value: str) -> None:
        """Set a field of a form as a reader does."""
        self.run(
            "const field = document.getElementById(arguments[0]);"
            "field.value = arguments[1]; field.dispatchEvent(new Event('change'))",
            element_id,
            value,
        )

    def texts(self, selector: str) -> list[str]:
        """Answer the texts of what is shown."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(element => element.checkVisibility()).map(element => element.innerText)",
            selector,
        )
        return found

    def complaints(self) -> list[str]:
        """Answer the errors and warnings that the page gave."""
        log: list[dict[str, str]] = self._driver.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's own is untyped
        return [entry["message"] for entry in log]

    def requested(self) -> list[str]:
        """Answer all addresses that the page asked for, its own among them."""
        log: list[dict[str, str]] = self._driver.get_log("performance")  # type: ignore[no-untyped-call]  # Selenium's own is untyped
        events = [json.loads(entry["message"])["message"] for entry in log]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def print_to_screen(self, is_on: bool) -> None:
        """Show the page as it prints, or again as on a screen."""
        media = "print" if is_on else ""
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser; it ends with the block."""
    options = webdriver.ChromeOptions()
    for switch in _SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver_path = shutil.which("chromedriver")
    if chromium and driver_path:
        options.binary_location = chromium
    service = Service(driver_path) if chromium and driver_path else Service()
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
