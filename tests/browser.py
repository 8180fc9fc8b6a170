"""A browser that is really there: the distribution's Chromium, without a screen."""

import json
import os
import shutil
from importlib.resources import files

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 15
"""The machine may be busy."""

WIDE, NARROW = (1440, 900), (390, 844)

_ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
)

_SERVER_WENT = ("ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE")
"""What a page that follows a stream notes when a test ends."""

_AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")


class Browser:
    """What a person does with a page, and sees of it."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, url):
        self.driver.get(url)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def texts(self, css):
        return self.js(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", css
        )

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, condition, *arguments):
        """Wait until a piece of JavaScript is true."""
        if callable(condition):
            return self._wait(lambda _: condition())
        return self._wait(lambda _: self.js(f"return ({condition})", *arguments))

    def _wait(self, condition):
        return WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.05).until(condition)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    @property
    def focused(self):
        return self.driver.switch_to.active_element

    def resize(self, size):
        width, height = size
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def scheme(self, name):
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    @property
    def overflows(self):
        """Whether the page is wider than the screen."""
        return self.js("return document.documentElement.scrollWidth > window.innerWidth")

    def axe(self):
        """Return what axe-core finds wrong with the page."""
        # By the debugger: the page itself lets no script in that is not of its own files.
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": _AXE})
        found = self.driver.execute_cdp_cmd(
            "Runtime.evaluate",
            {
                "expression": "axe.run().then(r => JSON.stringify(r.violations))",
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        return [
            f"{fault['id']}: {node['html']} {node['failureSummary']}"
            for fault in json.loads(found["result"]["value"])
            for node in fault["nodes"]
        ]

    def complaints(self):
        """Return what the browser has written on its console: errors, refused resources."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if not any(reason in entry["message"] for reason in _SERVER_WENT)
        ]


def open_browser(profile):
    """Start Chromium; whoever has it quits it."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Browser(webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver"))))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("no chromium and chromedriver here (apt install chromium chromium-driver)")
    browser = open_browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium):
    """A browser that has seen nothing yet, and complains of nothing at the end."""
    chromium.driver.delete_all_cookies()
    chromium.resize(WIDE)
    chromium.scheme("light")
    chromium.complaints()
    yield chromium
    complaints = chromium.complaints()
    chromium.open("about:blank")
    assert complaints == []
