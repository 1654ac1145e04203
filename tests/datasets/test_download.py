"""Downloads, against a real server on this machine."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from image_files import write_cifar

from archsearch.datasets import cifar_binary
from archsearch.datasets.cifar10 import LAYOUT as CIFAR10
from archsearch.datasets.cifar_binary import CifarLayout
from archsearch.datasets.download import Remote, cache_folder, obtain, unpack
from archsearch.datasets.images import SourceOptions
from archsearch.errors import InputError

Content = dict[str, bytes]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Content]]:
    """URL of a server, and what it serves by path. A path that starts with /cut is cut short."""
    content: Content = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (body := content.get(self.path)) is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + 9 * self.path.startswith("/cut")))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", content
        server.shutdown()
        thread.join()


def remote(url: str, content: bytes) -> Remote:
    return Remote(url, hashlib.sha256(content).hexdigest())


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_fetched_once(served: tuple[str, Content], tmp_path: Path) -> None:
    """The first call downloads, the second needs no server, and nothing else is left."""
    url, content = served
    content["/a.bin"] = b"images"
    wanted = remote(f"{url}/a.bin", b"images")
    path = obtain(wanted, tmp_path / "new", download=True)
    assert path.read_bytes() == b"images"
    content.clear()
    assert obtain(wanted, tmp_path / "new", download=False) == path
    assert names_in(tmp_path / "new") == ["a.bin"]


def test_a_wrong_checksum_leaves_nothing_behind(
    served: tuple[str, Content], tmp_path: Path
) -> None:
    """Both checksums are told, and the file is not there."""
    url, content = served
    content["/a.bin"] = b"tampered"
    wanted = remote(f"{url}/a.bin", b"images")
    with pytest.raises(InputError, match=rf"sha256 is [0-9a-f]{{64}}, must be {wanted.sha256}"):
        obtain(wanted, tmp_path, download=True)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("path", ["/missing.bin", "/cut.bin"])
def test_a_failed_download_says_what_to_do_by_hand(
    served: tuple[str, Content], tmp_path: Path, path: str
) -> None:
    """URL, folder and checksum are in the message (or both checksums), and nothing is left."""
    url, content = served
    content["/cut.bin"] = b"ima"
    wanted = remote(url + path, b"images")
    with pytest.raises(InputError) as caught:
        obtain(wanted, tmp_path, download=True)
    assert wanted.url in str(caught.value)
    assert wanted.sha256 in str(caught.value)
    assert names_in(tmp_path) == []


def test_without_a_server_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A closed port is an input error with URL, folder and checksum."""
    monkeypatch.setenv("no_proxy", "*")
    wanted = remote("http://127.0.0.1:9/a.bin", b"images")
    with pytest.raises(InputError, match=f"cannot be downloaded.*{wanted.sha256}.*{tmp_path}"):
        obtain(wanted, tmp_path, download=True)


def test_a_missing_file_is_not_fetched_unasked(tmp_path: Path) -> None:
    """Without ``download`` the message says how to ask, and how to do without."""
    wanted = remote("http://127.0.0.1:9/a.bin", b"images")
    with pytest.raises(InputError, match=f"'download: true' or put .*{wanted.sha256}.* by hand"):
        obtain(wanted, tmp_path, download=False)


def test_a_file_put_there_by_hand_is_checked(tmp_path: Path) -> None:
    """A wrong file in the right place is named and not used."""
    (tmp_path / "a.bin").write_bytes(b"something else")
    wanted = remote("http://127.0.0.1:9/a.bin", b"images")
    with pytest.raises(InputError, match=r"a.bin: sha256 is .*delete it or put"):
        obtain(wanted, tmp_path, download=True)


def test_the_cache_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``$ARCHSEARCH_DATA`` wins over the folder in the home directory."""
    monkeypatch.setenv("ARCHSEARCH_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("ARCHSEARCH_DATA")
    assert cache_folder() == Path.home() / ".cache" / "archsearch"


def write_tar(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, body in members.items():
            if isinstance(body, tarfile.TarInfo):
                tar.addfile(body)
            else:
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(body), 0o4777  # tarfile's filter takes rights away
                tar.addfile(info, io.BytesIO(body))


def test_only_what_was_asked_for_is_unpacked(tmp_path: Path) -> None:
    """Other members, those that climb out of the folder among them, are never written."""
    write_tar(tmp_path / "a.tar.gz", {"top/a": b"1", "top/b": b"2", "../evil": b"3"})
    folder = unpack(tmp_path / "a.tar.gz", tmp_path / "top", ["top/a"])
    assert names_in(folder) == ["a"]
    assert (folder / "a").stat().st_mode & 0o7022 == 0
    assert names_in(tmp_path) == ["a.tar.gz", "top"]


def test_links_and_missing_members_are_refused(tmp_path: Path) -> None:
    """A link in the place of a file, a missing member and a cut archive are input errors."""
    link = tarfile.TarInfo("top/a")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    write_tar(tmp_path / "a.tar.gz", {"top/a": link})
    with pytest.raises(InputError, match="top/a is not a regular file"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "top", ["top/a"])
    with pytest.raises(InputError, match="'top/b' not found"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "top", ["top/b"])
    (tmp_path / "a.tar.gz").write_bytes((tmp_path / "a.tar.gz").read_bytes()[:60])
    with pytest.raises(InputError, match=r"cannot be unpacked .*fetch it again"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "top", ["top/a"])
    assert names_in(tmp_path / "top") == []


def test_cifar_comes_from_its_archive(served: tuple[str, Content], tmp_path: Path) -> None:
    """Fetched, checked, unpacked and read; the next time from the unpacked files alone."""
    url, content = served
    written = write_cifar(tmp_path / CIFAR10.folder, CIFAR10, each=2, classes=2)
    members = {
        f"{CIFAR10.folder}/{name}": (tmp_path / CIFAR10.folder / name).read_bytes()
        for name in CIFAR10.files
    }
    write_tar(tmp_path / "c.tar.gz", {**members, f"{CIFAR10.folder}/test_batch.bin": b"test"})
    content["/c.tar.gz"] = body = (tmp_path / "c.tar.gz").read_bytes()
    layout = CifarLayout(
        remote(f"{url}/c.tar.gz", body), CIFAR10.folder, CIFAR10.batches, CIFAR10.names, 1
    )
    options = SourceOptions(path=tmp_path / "cache", download=True)
    assert (cifar_binary.read(layout, options).train.x == written.x).all()
    (tmp_path / "cache" / "c.tar.gz").unlink()
    content.clear()
    assert (cifar_binary.read(layout, options).train.y == written.y).all()
    assert "test_batch.bin" not in names_in(tmp_path / "cache" / CIFAR10.folder)
