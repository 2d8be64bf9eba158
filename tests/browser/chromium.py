"""A headless Chromium, driven over a pipe by the DevTools protocol."""

import base64
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

_SECONDS = 30.0
#: The browser reads its commands from descriptor 3 and answers on 4.
_START = """
import os, sys
commands, answers = map(int, sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execvp("chromium", ["chromium", *sys.argv[3:]])
"""
_OPTIONS = ("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--window-size=1280,1400")


class Page:
    """One page of the browser.

    Attributes:
        complaints: what it wrote to its console as a warning or an error, or reported as a violation.
    """

    def __init__(self, send_to: int, receive_from: int) -> None:
        self._out, self._in = send_to, receive_from
        self._number, self._rest = 0, b""
        self._session: dict[str, str] = {}
        self.complaints: list[str] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Audits"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> Any:
        """Give a command; its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def run(self, script: str) -> Any:
        """The value of a script, once it is settled."""
        found = self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, condition: str) -> Any:
        """The value of a script as soon as it is a true one."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            if value := self.run(condition):
                return value
            self.run("new Promise(resolve => setTimeout(resolve, 50))")
        raise AssertionError(f"never true: {condition}")

    def picture(self, path: pathlib.Path) -> None:
        """Keep a picture of what is shown."""
        path.write_bytes(base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"]))

    def _read(self) -> Any:
        while b"\0" not in self._rest:
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: Any) -> None:
        name, told = event.get("method"), event.get("params", {})
        violates = name == "Audits.issueAdded" and told["issue"]["code"] == "ContentSecurityPolicyIssue"
        if violates or name == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told))
        elif name == "Log.entryAdded" and told["entry"]["level"] in {"warning", "error"}:
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif name == "Runtime.consoleAPICalled" and told["type"] in {"warning", "error"}:
            self.complaints.append(json.dumps(told["args"]))


@contextlib.contextmanager
def opened(profile: pathlib.Path) -> Iterator[Page]:
    """A browser with an empty profile, and its page."""
    to_read, to_send = os.pipe()
    to_receive, to_write = os.pipe()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(to_read), str(to_write), *_OPTIONS, *sandbox, f"--user-data-dir={profile}"],
        pass_fds=(to_read, to_write),
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(to_write)
    try:
        yield Page(to_send, to_receive)
    finally:
        process.terminate()
        process.wait(20)
        os.close(to_send)
        os.close(to_receive)
