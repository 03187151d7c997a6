"""The local Azure's persistent store of documents and blobs."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from localazure.app.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


def test_documents_outlive_the_process(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.put("t", "k", {"a": 1})
    first.close()
    second = Store(tmp_path)
    assert second.get("t", "k") == {"a": 1}
    second.close()


def test_rows_are_sorted_by_key_and_selected_by_prefix(store: Store) -> None:
    for key in ("b/2", "b", "a", "b/1", "c"):
        store.put("t", key, {"key": key})
    store.put("other", "b/3", {})
    assert [key for key, _ in store.rows("t", "b/")] == ["b/1", "b/2"]
    assert [key for key, _ in store.rows("t")] == ["a", "b", "b/1", "b/2", "c"]


def test_remove_returns_whether_the_document_existed(store: Store) -> None:
    store.put("t", "k", {})
    assert (store.remove("t", "k"), store.remove("t", "k")) == (True, False)


def test_a_transaction_that_fails_writes_nothing(store: Store) -> None:
    def work() -> None:
        with store.transaction(1):
            store.put("t", "k", {})
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert store.get("t", "k") is None


def test_reads_as_of_an_earlier_moment_return_earlier_documents(store: Store) -> None:
    store.put("t", "old", {"n": 0})
    store.put("t", "gone", {"n": 0})
    store.keep_history(enabled=True)
    for moment, number in ((10, 1), (20, 2)):
        with store.transaction(moment):
            store.put("t", "old", {"n": number})
            store.put("t", f"new-{number}", {})
            store.remove("t", "gone")
    with store.reading_as_of(5):
        assert [key for key, _ in store.rows("t")] == ["gone", "old"]
        assert store.get("t", "old") == {"n": 0}
        assert store.get("t", "new-1") is None
    with store.reading_as_of(15):
        assert dict(store.rows("t")) == {"old": {"n": 1}, "new-1": {}}
    assert [key for key, _ in store.rows("t")] == ["new-1", "new-2", "old"]


def test_a_snapshot_holds_documents_and_blobs(store: Store, tmp_path: Path) -> None:
    store.put("t", "k", {"n": 1})
    (store.blobs / "f").write_bytes(b"one")
    store.take_snapshot(tmp_path / "snap")
    store.take_snapshot(tmp_path / "snap")
    store.put("t", "k", {"n": 2})
    store.put("t", "later", {})
    store.make_writable(store.blobs / "f").write_bytes(b"two")
    (store.blobs / "folder").mkdir()
    (store.blobs / "folder" / "later").write_bytes(b"new")
    store.restore(tmp_path / "snap")
    assert dict(store.rows("t")) == {"k": {"n": 1}}
    assert [(path.name, path.read_bytes()) for path in store.blobs.iterdir()] == [("f", b"one")]


def test_a_snapshot_can_be_restored_repeatedly(store: Store, tmp_path: Path) -> None:
    for folder in ("deep", "other"):
        (store.blobs / folder).mkdir()
        (store.blobs / folder / "f").write_bytes(b"one")
    store.take_snapshot(tmp_path / "snap")
    for _ in range(3):
        store.make_writable(store.blobs / "deep" / "f").write_bytes(b"two")
        (store.blobs / "other" / "f").unlink()
        store.restore(tmp_path / "snap")
        assert [path.read_bytes() for path in sorted(store.blobs.glob("*/f"))] == [b"one", b"one"]


def test_a_snapshot_shares_unchanged_blobs(store: Store, tmp_path: Path) -> None:
    (store.blobs / "f").write_bytes(b"one")
    store.take_snapshot(tmp_path / "snap")
    assert (tmp_path / "snap" / "blobs" / "f").samefile(store.blobs / "f")
    store.make_writable(store.blobs / "f").write_bytes(b"two")
    assert (tmp_path / "snap" / "blobs" / "f").read_bytes() == b"one"


BIG = 256 << 20


def write_big(path: Path) -> None:
    chunk = b"x" * (1 << 20)
    with path.open("wb") as file:
        for _ in range(BIG >> 20):
            file.write(chunk)


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def test_restoring_does_not_wait_until_a_large_blob_is_deleted(store: Store, tmp_path: Path) -> None:
    big, snap = store.blobs / "big", tmp_path / "snap"
    store.take_snapshot(snap)
    deleted, restored, kept, cleared = list[float](), list[float](), list[float](), list[float]()
    for _ in range(2):  # the better of two, so that a busy machine does not matter
        write_big(big)
        deleted.append(seconds(big.unlink))
        write_big(big)
        restored.append(seconds(lambda: store.restore(snap)))
        assert not big.exists()
        write_big(big)
        store.take_snapshot(tmp_path / "with-big")
        big.unlink()
        kept.append(seconds(lambda: store.take_snapshot(tmp_path / "with-big")))
        write_big(big)
        cleared.append(seconds(store.clear))

    assert max(min(restored), min(kept), min(cleared)) < min(deleted)
    store.close()
    assert list((tmp_path / "store" / "trash").iterdir()) == []


def test_what_a_killed_process_had_discarded_is_deleted_by_the_next(tmp_path: Path) -> None:
    leftover = tmp_path / "trash" / "leftover"
    leftover.mkdir(parents=True)
    (leftover / "f").write_bytes(b"x")

    Store(tmp_path).close()

    assert list((tmp_path / "trash").iterdir()) == []


def test_clear_deletes_documents_and_blobs(store: Store) -> None:
    store.put("t", "k", {})
    (store.blobs / "f").write_bytes(b"x")
    (store.blobs / "folder").mkdir()
    store.clear()
    assert list(store.rows("t")) == []
    assert list(store.blobs.iterdir()) == []


def test_a_closed_store_can_no_longer_be_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.get("t", "k")
