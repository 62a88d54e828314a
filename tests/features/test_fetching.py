"""Weights are fetched whole and right, or not at all; a file on this machine stands for the published one."""

import hashlib
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sgbench.commands.fetch import main
from sgbench.features import fetching, weights
from sgbench.features.weights import INCEPTION_FILE, PUBLISHED, find_inception, hub_checkpoints

CONTENT = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Gives the weights, and at other paths what can go wrong."""

    def do_GET(self):
        body = {"/other": CONTENT[::-1], "/short": CONTENT[:1000], "/broken": CONTENT[:1000]}.get(self.path, CONTENT)
        if self.path == "/gone":
            return self.send_error(404)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/weights")
            self.end_headers()
            return None
        if self.path == "/nonsense":
            return self.wfile.write(b"nonsense\r\n\r\n")
        self.send_response(200)
        if self.path != "/short":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        with suppress(ConnectionError):  # whoever asked has seen enough
            self.wfile.write(body)
        return None

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    """A server on this machine; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def serve(server, tmp_path, monkeypatch):
    """Lets both files of weights be what the server has at a path, in an empty cache of torch's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(weights, "INCEPTION_SHA256", SHA256)

    def serve(path, address=server):
        for name, published in PUBLISHED.items():
            monkeypatch.setitem(PUBLISHED, name, replace(published, url=address + path, sha256=SHA256))

    serve("/weights")
    return serve


def left(tmp_path):
    """All files that are there, hidden ones too."""
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", ["/weights", "/moved"])
def test_inception_is_fetched_to_where_it_is_looked_for(serve, tmp_path, capsys, path):
    serve(path)
    assert find_inception().path is None
    assert main(["inception"]) == 0
    captured = capsys.readouterr()
    place = hub_checkpoints() / INCEPTION_FILE
    assert captured.out == f"{place}: fetched, SHA-256 as published ({SHA256}); every command finds it there\n"
    assert f"{INCEPTION_FILE}: 100% in " in captured.err
    assert place.read_bytes() == CONTENT
    assert find_inception().path == place
    assert left(tmp_path) == [str(place.relative_to(tmp_path))]


def test_what_is_there_and_right_is_not_fetched_again(serve, tmp_path, capsys):
    serve("/gone")
    place = hub_checkpoints() / INCEPTION_FILE
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)  # a copy by hand
    assert main(["inception"]) == 0
    assert capsys.readouterr().out.startswith(f"{place}: there already, ")


def test_another_file_is_told_and_not_overwritten(serve, tmp_path, capsys):
    place = tmp_path / "mine.pth"
    place.write_bytes(b"mine")
    assert main(["inception", "--to", str(place)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {place}: is there and is not the published file: its SHA-256 is ")
    assert error.count("\n") == 1
    assert place.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("to", "place"),
    [("weights", "weights/{file}"), ("some.pth", "some.pth"), ("there.d", "there.d/{file}"), (None, None)],
)
def test_weights_that_are_found_by_an_option_alone_are_told_with_it(serve, tmp_path, capsys, to, place):
    (tmp_path / "there.d").mkdir()
    file = PUBLISHED["lpips"].file
    place = tmp_path / place.format(file=file) if place else hub_checkpoints() / file
    assert main(["lpips", *(["--to", str(tmp_path / to)] if to else [])]) == 0
    assert f"; name it by --lpips {place}, or as scoring.lpips.path in a config\n" in capsys.readouterr().out
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/gone", "the server answered 404 Not Found"),
        ("/other", "what came has SHA-256 "),
        ("/short", "what came has SHA-256 "),
        ("/broken", "1,000 of 5,120,000 bytes came"),
        ("/nonsense", "nonsense"),
    ],
)
def test_what_does_not_come_is_one_line_and_leaves_nothing(serve, tmp_path, capsys, path, says):
    serve(path)
    assert main(["inception"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: http://127.0.0.1:")
    assert f"was not fetched: {says}" in error
    assert f"(SHA-256 {SHA256}) from another machine to {hub_checkpoints()}" in error
    assert left(tmp_path) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid", "nonsense"])
def test_no_network_is_one_line(serve, tmp_path, capsys, address):
    serve("/weights", address)
    assert main(["inception"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"error: {address}/weights was not fetched: " in error
    assert left(tmp_path) == []


def test_a_proxy_of_the_environment_is_used(serve, server, tmp_path, monkeypatch):
    serve("/weights", "http://weights.invalid")
    monkeypatch.setenv("http_proxy", server)  # which has the weights at any address it does not know
    assert main(["inception"]) == 0


def test_a_full_disk_leaves_nothing(serve, tmp_path, monkeypatch, capsys):
    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(fetching, "replacing", full)
    assert main(["inception"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert left(tmp_path) == []


def test_more_than_any_weights_have_is_refused(serve, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetching, "_MOST", 1_000_000)
    assert main(["inception"]) == 2
    assert "more than 1,000,000 bytes came" in capsys.readouterr().err
    assert left(tmp_path) == []
