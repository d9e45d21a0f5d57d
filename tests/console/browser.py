"""A real browser, driven over its DevTools protocol: it clicks, types, and reads the page."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.05
MOST_BYTES = 100_000_000
_KEYS = {"Enter": "\r", "Tab": "", "Escape": "", "ArrowDown": "", "ArrowUp": "", " ": " "}


class Page:
    """One tab. Its methods wait for elements that are not there yet."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.faults: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, url: str, width: int = 1400, height: int = 900) -> None:
        self.resize(width, height)
        self.leave()
        self._ask("Page.navigate", url=url)

    def send_headers(self, **headers: str) -> None:
        """Send these headers with every further request."""
        self._ask("Network.enable")
        self._ask("Network.setExtraHTTPHeaders", headers=headers)

    def prefer(self, scheme: str) -> None:
        """Set the preferred colour scheme: light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", features=features)

    def leave(self) -> None:
        """Close the connections to the service, so that it can end."""
        self._ask("Page.navigate", url="about:blank")

    def is_within(self, width: int) -> bool:
        """Whether the page fits this width without scrolling sideways."""
        self.resize(width)
        places = "[document.documentElement, ...document.querySelectorAll('section')]"
        return bool(self.value(f"{places}.every((one) => one.scrollWidth <= one.clientWidth)"))

    def resize(self, width: int, height: int = 900) -> None:
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def value(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"])
        return told["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait for an expression to become true, and return its value."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                found = self.value(script)
            except AssertionError:  # the page is still loading
                found = None
            if found not in (None, False, ""):
                return found
            if time.monotonic() > end:
                raise AssertionError(f"never true: {script}\n{self.text('body')}")
            time.sleep(LOOK_SECONDS)

    def text(self, place: str) -> str:
        """The visible text of an element."""
        return str(self.value(f"document.querySelector({json.dumps(place)})?.innerText ?? ''"))

    def reads(self, words: str, place: str = "body") -> None:
        """Wait until the element shows these words."""
        self.until(
            f"document.querySelector({json.dumps(place)})?.innerText.includes({json.dumps(words)})"
        )

    def press(self, name: str, within: str = "body") -> None:
        """Click the button or link with this name."""
        find = (
            f"[...document.querySelectorAll({json.dumps(within)} + ' :is(button, a)')].find((one) => "
            f"one.checkVisibility() && [one.innerText, one.ariaLabel].includes({json.dumps(name)}))"
        )
        place = self.until(
            f"{{ const one = {find}; one?.scrollIntoView({{block: 'center'}}); "
            "const box = one?.getBoundingClientRect(); "
            "box && ({x: box.x + box.width / 2, y: box.y + box.height / 2}) }"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def fill(self, label: str, words: str) -> None:
        """Type into the field, or choose from the list, with this label."""
        self.until(
            "{ const label = [...document.querySelectorAll('label')].find((one) => "
            f"one.checkVisibility() && one.innerText === {json.dumps(label)}); "
            "const field = label && document.getElementById(label.htmlFor); field?.focus(); "
            f"if (field?.tagName === 'SELECT') field.value = {json.dumps(words)}; Boolean(field) }}"
        )
        if self.value("document.activeElement.tagName") == "INPUT":
            self._ask("Input.insertText", text=words)

    def key(self, key: str) -> None:
        """Press a key on the focused element."""
        text = _KEYS.get(key, key)
        code = {"Enter": 13, "Tab": 9, "Escape": 27}.get(key, 0)
        down = {"text": text} if text else {}
        for kind, more in (("keyDown", down), ("keyUp", {})):
            self._ask(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more
            )

    def focused(self) -> str:
        """The label or text of the focused element."""
        return str(
            self.value("document.activeElement.ariaLabel ?? document.activeElement.innerText")
        )

    def picture(self, file: Path) -> None:
        """Save a screenshot of the whole page."""
        told = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(told["data"]))

    def _ask(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._connection.recv(timeout=PATIENCE_SECONDS))
            if told.get("id") == number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return dict(told["result"])
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        params = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.faults.append(str(params["exceptionDetails"]))
        entry = params.get("entry", {})
        # A refused request is not an error of the page.
        if entry.get("level") == "error" and entry.get("source") != "network":
            self.faults.append(entry["text"])


def executable() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser(program: str) -> Iterator[Page]:
    """Run a browser with one empty tab within this context."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [
            program,
            "--headless",
            "--no-sandbox",  # the tests may run as root in a container
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-port=0",
            f"--user-data-dir={home}",
            "about:blank",
        ]
        with (
            open(Path(home) / "told", "wb") as told,
            subprocess.Popen(command, stdout=told, stderr=told) as process,
        ):
            try:
                with connect(_tab(Path(home), process), max_size=MOST_BYTES) as connection:
                    yield Page(connection)
            finally:
                process.terminate()


def _tab(home: Path, process: subprocess.Popen[bytes]) -> str:
    """The DevTools address of the tab."""
    end = time.monotonic() + PATIENCE_SECONDS
    port = home / "DevToolsActivePort"
    while not port.exists() or not port.read_text().strip():
        ended = process.poll() is not None or time.monotonic() > end
        assert not ended, (home / "told").read_text()
        time.sleep(LOOK_SECONDS)
    number = port.read_text().split()[0]
    while True:
        with urlopen(f"http://127.0.0.1:{number}/json/list") as answer:
            pages = [one for one in json.load(answer) if one["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        assert time.monotonic() < end
        time.sleep(LOOK_SECONDS)
