"""A gateway of this repository, in front of a service in this process."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Callable

import pytest

POLICY = {"Retry": {"MaxAttempts": 4, "Delay": "00:00:00.050", "MaxDelay": "00:00:00.200", "Jitter": False}, "RunTimeout": "00:10:00"}


def required() -> bool:
    return "python" in os.environ.get("DURABLE_TESTS_REQUIRE", "").split(",")


def program() -> str:
    """The gateway's program. The test is skipped where there is none, and fails where there must be one."""
    path = os.environ.get("GATEWAY", "")
    if path and Path(path).exists() and shutil.which("dotnet"):
        return path
    if required():
        pytest.fail("GATEWAY names no gateway.dll, and DURABLE_TESTS_REQUIRE has python.")
    pytest.skip("GATEWAY names no gateway.dll")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Polls until a condition holds."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "It did not come in time."
        time.sleep(0.02)


class RealGateway:
    def __init__(self, folder: Path, services: dict[str, str]) -> None:
        """
        :param services: By the first segment of a path: the URL of the service.
        """
        self.public, self.control = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        configuration: dict[str, Any] = {
            "Durable": {
                "Listeners": {"Public": self.public, "Control": self.control},
                "Store": {"DataDirectory": str(folder / "data")},
                "Policies": {"default": {key: value for key, value in POLICY.items()}},
            },
            "ReverseProxy": {"Routes": {}, "Clusters": {}},
        }
        for name, url in services.items():
            configuration["ReverseProxy"]["Routes"][name] = {
                "ClusterId": name,
                "Match": {"Path": f"/{name}/{{**rest}}"},
                "Metadata": {"Durable.Policy": "default"},
            }
            configuration["ReverseProxy"]["Clusters"][name] = {"Destinations": {"one": {"Address": url}}}
        file = folder / "gateway.json"
        file.write_text(json.dumps(configuration))
        self._log = (folder / "gateway.log").open("wb")
        self._process = subprocess.Popen(
            ["dotnet", program(), "--config", str(file)], cwd=folder, stdout=self._log, stderr=subprocess.STDOUT
        )

    def wait(self) -> None:
        def ready() -> bool:
            assert self._process.poll() is None, "The gateway has ended."
            try:
                with urllib.request.urlopen(self.control + "/readyz", timeout=2) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        until(ready)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class AsgiService:
    """An ASGI application behind uvicorn, in a thread."""

    def __init__(self, app: Any) -> None:
        uvicorn = pytest.importorskip("uvicorn")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)


class WsgiService:
    """A WSGI application behind the server of the standard library, with a thread for each request."""

    def __init__(self, app: Any) -> None:
        from socketserver import ThreadingMixIn
        from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

        class Server(ThreadingMixIn, WSGIServer):
            daemon_threads = True

        class Quiet(WSGIRequestHandler):
            def log_message(self, *_: Any) -> None:
                ...

        self._server = make_server("127.0.0.1", 0, app, Server, Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)
