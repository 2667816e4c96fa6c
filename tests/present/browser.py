"""A headless Chromium driven through its pipe for debugging: what a page logs, loads and shows."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

__all__ = ["Browser"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-extensions",
    "--no-first-run",
    "--remote-debugging-pipe",
)
TIMEOUT = 40.0
# A browser reads its orders from the file descriptor 3 and answers on 4.
START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page at a time. Without a browser the test is skipped, in CI it fails.

    Attributes:
        console: what pages logged: errors, warnings and refusals.
        requests: the addresses that pages asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.console: list[str] = []
        self.requests: list[str] = []
        self.count = 0
        self.waiting = b""
        self.loaded = False

    def __enter__(self) -> Browser:
        found = next((path for path in map(shutil.which, NAMES) if path), None)
        if found is None:
            if os.environ.get("SYMGRAD_REQUIRE_BROWSER") == "1":
                pytest.fail("SYMGRAD_REQUIRE_BROWSER=1 is set, but there is no Chromium")
            pytest.skip("no Chromium is installed")
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()
        start = [sys.executable, "-c", START, str(theirs_in), str(theirs_out)]
        command = [*start, found, *OPTIONS, f"--user-data-dir={self.folder / 'profile'}"]
        self.process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.tell(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        os.close(self.to)
        os.close(self.back)

    def open(self, path: Path, width: int = 1000, dark: bool = False, media: str = "screen") -> None:
        """Show a file and wait until it is loaded."""
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.loaded = False
        self.tell("Page.navigate", url=path.resolve().as_uri())
        while not self.loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """What an expression in JavaScript gives on the page."""
        result = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page as a picture."""
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def tell(self, method: str, **options: Any) -> Any:
        """An order to the page."""
        return self.ask(method, self.session, **options)

    def ask(self, method: str, session: str | None = None, **options: Any) -> Any:
        """An order, and its answer."""
        self.count += 1
        order: dict[str, Any] = {"id": self.count, "method": method, "params": options}
        if session is not None:
            order["sessionId"] = session
        os.write(self.to, json.dumps(order).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self.count:
                assert "error" not in message, message
                return message["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + TIMEOUT
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.back], [], [], max(0.0, end - time.monotonic()))
            received = os.read(self.back, 1 << 20) if ready else b""
            if not received:
                pytest.fail("the browser does not answer")
            self.waiting += received
        first, self.waiting = self.waiting.split(b"\0", 1)
        message: dict[str, Any] = json.loads(first)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.console.append(json.dumps(params))
