"""A headless Chromium, spoken to over a pair of pipes (Chrome's DevTools protocol)."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.requirements import chromium_path, demand

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-pipe", "--disable-dev-shm-usage", "--hide-scrollbars"),
)
PATIENCE = 60.0  # seconds for one answer, on a busy machine


def chromium() -> str:
    """The browser's path; skips where there is none."""
    demand("browser")
    return chromium_path()


class Page:
    """One tab."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def view(
        self, width: int, height: int = 900, *, dark: bool = False, paper: bool = False
    ) -> None:
        """A screen of so many pixels, or paper of that width."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])

    def open(self, file: Path) -> None:
        """Load a page and wait until its script is done."""
        self.call("Page.navigate", url=file.resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page.

        Raises:
            AssertionError: it threw.
        """
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < end, f"not in {seconds} s: {condition}"
            time.sleep(0.05)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 8) -> None:
        self.mouse("mouseMoved", *start)
        held = {"button": "left", "buttons": 1}
        self.mouse("mousePressed", *start, clickCount=1, **held)
        for i in range(1, steps + 1):
            x, y = (a + (b - a) * i / steps for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, **held)
        self.mouse("mouseReleased", *end, clickCount=1, **held)

    def press_enter(self) -> None:
        """On what has the focus."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.call("Input.insertText", text=text)


class Browser:
    """The process, and its messages."""

    def __init__(self, profile: Path) -> None:
        here_in, out = os.pipe()
        into, here_out = os.pipe()
        # Chromium reads from 3 and writes to 4; the ends come from numbers beyond those.
        there_in, there_out = (fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (into, out))
        os.close(into)
        os.close(out)
        command = f'exec "$@" 3<&{there_in} 4>&{there_out} {there_in}<&- {there_out}>&-'
        words = [chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", command, "bash", *words],
            pass_fds=(there_in, there_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there_in)
        os.close(there_out)
        self.reading, self.writing = here_in, here_out
        self.buffer, self.number = b"", 0
        self.pages: dict[str, Page] = {}

    def page(self) -> Page:
        page = Page(self)
        self.pages[page.session] = page
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask, and wait for the answer; what the pages report meanwhile is noted."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._next(end - time.monotonic(), method)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _next(self, patience: float, method: str) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reading], [], [], max(0.0, patience))
            assert ready, f"the browser does not answer {method}"
            read = os.read(self.reading, 1 << 20)
            assert read, f"the browser ended at {method}"
            self.buffer += read
        line, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        page = self.pages.get(event.get("sessionId", ""))
        method, told = event.get("method"), event.get("params", {})
        if page is None:
            return
        if method == "Runtime.exceptionThrown":
            page.errors.append(json.dumps(told["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            page.errors.append(json.dumps(told["args"])[:500])
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            page.errors.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = told["request"]["url"]
            if not url.startswith(("file:", "data:", "about:", "blob:")):
                page.errors.append(f"fetched {url}")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.reading)
        os.close(self.writing)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile in an empty folder, ended afterwards."""
    opened = Browser(profile)
    try:
        yield opened
    finally:
        opened.close()
