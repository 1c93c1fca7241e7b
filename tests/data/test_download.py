import hashlib
import http.server
import threading

import pytest

from snn.data import SHD, TBL, FashionMNIST
from snn.data.__main__ import main
from snn.data.download import RemoteFile, ensure
from snn.errors import DataError
from tests.data.files import write_fashion_mnist, write_tbl

CONTENT = b"what is wanted"


@pytest.fixture
def server():
    """Serves /good and /bad from this machine and remembers what was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = {"/good": CONTENT, "/bad": b"something else"}.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", asked
        httpd.shutdown()
        thread.join()


def wanted(*urls, **changes):
    values = {
        "path": "SET/file.gz",
        "urls": urls,
        "checksum": f"md5:{hashlib.md5(CONTENT).hexdigest()}",
        "size": "14 B",
        "instead": ("SET/file",),
    }
    return RemoteFile(**{**values, **changes})


def test_mirrors_are_tried_in_order(server, tmp_path):
    address, asked = server
    file = wanted(f"{address}/missing", f"{address}/bad", f"{address}/good", f"{address}/never")
    assert ensure([file], tmp_path, download=True) == [tmp_path / "SET/file.gz"]
    assert (tmp_path / "SET/file.gz").read_bytes() == CONTENT
    assert asked == ["/missing", "/bad", "/good"]
    ensure([file], tmp_path, download=True)
    assert len(asked) == 3  # in place already
    kept = {path.name for path in (tmp_path / "SET").iterdir()}
    assert kept <= {"file.gz", ".file.gz.lock"}


def test_nothing_is_asked_for_when_forbidden(server, tmp_path):
    address, asked = server
    with pytest.raises(DataError, match=r"data\.download=false"):
        ensure([wanted(f"{address}/good")], tmp_path / "root", download=False)
    assert asked == []
    assert not (tmp_path / "root").exists()


def test_the_error_tells_all_that_is_needed(server, tmp_path):
    address, _ = server
    files = [
        wanted(f"{address}/bad"),
        wanted("http://127.0.0.1:9/x", path="SET/other", instead=(), size="3 MB"),
    ]
    with pytest.raises(DataError) as error:
        ensure(files, tmp_path, download=True)
    text = str(error.value)
    for part in (
        f"SET/file.gz (14 B, {files[0].checksum})",
        f"looked for: {tmp_path / 'SET/file.gz'} or {tmp_path / 'SET/file'}",
        "SET/other (3 MB",
        f"{address}/bad",
        "http://127.0.0.1:9/x",
        "data.root=DIR or SNN_DATA",
    ):
        assert part in text
    assert not (tmp_path / "SET/file.gz").exists()  # its checksum was wrong


def test_a_file_in_place_need_not_match_the_checksum(tmp_path):
    (tmp_path / "SET").mkdir()
    (tmp_path / "SET/file.gz").write_bytes(b"packed again")
    assert ensure([wanted()], tmp_path, download=False) == [tmp_path / "SET/file.gz"]
    (tmp_path / "SET/file").write_bytes(b"unpacked")
    assert ensure([wanted()], tmp_path, download=False) == [tmp_path / "SET/file"]


@pytest.mark.parametrize(("data_set", "nb_files"), [(FashionMNIST, 4), (SHD, 2), (TBL, 1)])
def test_offline_each_data_set_names_all_its_files(places, data_set, nb_files):
    with pytest.raises(DataError) as error:
        data_set.fetch(__import__("pathlib").Path(str(places["root"])), download=False)
    text = str(error.value)
    assert text.count("wanted: ") == nb_files
    assert text.count("from: https://") >= nb_files
    assert text.count("md5:") + text.count("sha256:") == nb_files


def test_fetch_command(root, capsys):
    write_fashion_mnist(root)
    assert main(["fetch", "fashion_mnist", "--root", str(root)]) == 0
    assert len(capsys.readouterr().out.split()) == 4


def test_check_command(root, capsys):
    path = write_tbl(root)
    assert main(["check", "tbl", "--root", str(root)]) == 0
    assert "nb_classes: 5" in capsys.readouterr().out
    path.write_bytes(b"")
    assert main(["check", "tbl", "--root", str(root)]) == 2
    assert str(path) in capsys.readouterr().err
