"""start.py takes PyTorch's CPU build on Linux, where its index answers: asked here over the local network."""

import socket
import subprocess
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

CALL = subprocess.call


class Index(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/torch/" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def takes(started_on, monkeypatch):
    """Whether an installation on Linux would take PyTorch from the index at a port, which is really asked."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def takes(port: int, folder: str = "") -> bool:
        start = started_on("linux").module
        monkeypatch.setattr(subprocess, "call", CALL)
        monkeypatch.setattr(start, "CPU_INDEX", f"http://127.0.0.1:{port}{folder}")
        return start.torch_index() == start.CPU_INDEX

    return takes


def test_an_index_that_answers_is_taken(takes, capsys):
    with HTTPServer(("127.0.0.1", 0), Index) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        assert takes(server.server_port)
        assert "small CPU build" in capsys.readouterr().out
        assert not takes(server.server_port, "/elsewhere")
        server.shutdown()
    assert not takes(server.server_port)
    assert capsys.readouterr().out == ""


def test_an_index_that_is_silent_costs_three_seconds(takes):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.perf_counter()
        assert not takes(silent.getsockname()[1])
        assert time.perf_counter() - began < 3.5


@pytest.mark.parametrize("given", ["", "https://example.org/simple"])
def test_an_index_that_is_given_is_taken_unasked(started_on, given):
    start = started_on("linux")
    install = start.run("lab", f"TORCH_INDEX={given}")[1]
    assert ("--extra-index-url" in install) == bool(given)
    assert given in install
    assert not any("urlopen" in program for program in start.programs)


def test_the_index_is_asked_once_and_only_to_install(started_on):
    start = started_on("linux")
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in start.run("lab")[1]
    assert sum("urlopen" in program for program in start.programs) == 1
    start.run("lab")
    assert not any("urlopen" in program for program in start.programs)
