"""Which files of a watched folder are read, and where they go."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure.mappings.watched_folder import FolderUnusable, Outcome, Turn, WatchedFolder

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def whole(watched: WatchedFolder, now: float) -> list[str]:
    with watched.turn() as turn:
        assert turn is not None
        return watched.whole_files(turn, now)


def move(turn: Turn, name: str, to: Outcome, *reasons: str) -> str | None:
    opened = turn.read(name)
    assert opened is not None
    return turn.move(name, opened.state, to, reasons, NOW)


def test_a_file_is_read_once_it_has_not_changed_for_some_seconds(tmp_path: Path) -> None:
    watched, file = WatchedFolder(tmp_path, 5), tmp_path / "a.csv"
    file.write_text("one")
    assert whole(watched, 0) == []
    file.write_text("one, two")
    assert whole(watched, 6) == [], "it has grown since"
    assert whole(watched, 10.9) == []
    file.unlink()
    file.write_text("one, two")
    assert whole(watched, 12) == [], "it is another file of this size"
    assert whole(watched, 17) == ["a.csv"]


def test_the_oldest_file_is_read_first(tmp_path: Path) -> None:
    for name, time in (("a.csv", 30), ("b.csv", 10), ("c.csv", 20)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time, time))
    assert whole(WatchedFolder(tmp_path, 0), 0) == ["b.csv", "c.csv", "a.csv"]


def test_unfinished_hidden_and_other_things_are_left(tmp_path: Path) -> None:
    for name in (".a.csv", "a.csv.part", "a.CSV.TMP", "a.csv~", "a.csv.reasons.txt", "a.filepart"):
        (tmp_path / name).write_text("x")
    secret = tmp_path.with_name("secret.csv")
    secret.write_text("not for the log")
    (tmp_path / "link.csv").symlink_to(secret)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    watched = WatchedFolder(tmp_path, 0)
    assert whole(watched, 0) == []
    with watched.turn() as turn:
        assert turn is not None
        assert [turn.read(name) for name in ("link.csv", "pipe.csv", "gone.csv")] == [None] * 3


def test_one_process_at_a_time_reads_a_folder(tmp_path: Path) -> None:
    one, other = WatchedFolder(tmp_path, 0), WatchedFolder(tmp_path, 0)
    with one.turn() as first, other.turn() as second:
        assert first is not None
        assert second is None
    with other.turn() as third:
        assert third is not None


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    watched, moved = WatchedFolder(tmp_path, 0), []
    for content in ("first", "second", "third"):
        (tmp_path / "a.csv.gz").write_text(content)
        with watched.turn() as turn:
            assert turn is not None
            moved.append(move(turn, "a.csv.gz", Outcome.DONE, content))
    later = "a-20261130T120000Z"
    assert moved == ["a.csv.gz", f"{later}.csv.gz", f"{later}-2.csv.gz"]
    for name, content in zip(moved, ("first", "second", "third"), strict=True):
        assert (tmp_path / "done" / name).read_text() == content
        assert (tmp_path / "done" / f"{name}.reasons.txt").read_text() == f"{content}\n"


def test_a_file_that_changed_while_it_was_read_stays(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("half")
    with WatchedFolder(tmp_path, 0).turn() as turn:
        assert turn is not None
        opened = turn.read("a.csv")
        assert opened is not None
        (tmp_path / "a.csv").write_text("whole")
        assert turn.move("a.csv", opened.state, Outcome.DONE, (), NOW) is None
    assert (tmp_path / "a.csv").read_text() == "whole"


def test_the_reasons_of_an_earlier_file_do_not_stay_beside_a_good_one(tmp_path: Path) -> None:
    with WatchedFolder(tmp_path, 0).turn() as turn:
        assert turn is not None
        (tmp_path / "done" / "a.csv.reasons.txt").write_text("of a file that was taken away")
        (tmp_path / "a.csv").write_text("x")
        assert move(turn, "a.csv", Outcome.DONE) == "a.csv"
    assert os.listdir(tmp_path / "done") == ["a.csv"]


def test_names_that_are_long_or_no_text_are_moved(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\xff\n.csv")
    for name in ("ü" * 120 + ".csv", odd):
        (tmp_path / name).write_text("x")
        with WatchedFolder(tmp_path, 0).turn() as turn:
            assert turn is not None
            moved = move(turn, name, Outcome.REFUSED, "why")
        assert moved is not None
        assert (tmp_path / "refused" / f"{moved}.reasons.txt").read_text() == "why\n"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(100 << 20)
    with WatchedFolder(tmp_path, 0).turn() as turn:
        assert turn is not None
        opened = turn.read("a.csv")
    assert opened is not None
    assert (opened.content, opened.fault) == (b"", "more than 64 MiB: send it in several files")


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.mkdir()
    (tmp_path / "done").symlink_to(elsewhere)
    with pytest.raises(FolderUnusable, match="done"), WatchedFolder(tmp_path, 0).turn():
        pass
    with pytest.raises(FolderUnusable, match="No such"), WatchedFolder(tmp_path / "x", 0).turn():
        pass


def test_reasons_that_cannot_be_written_leave_the_file(tmp_path: Path) -> None:
    """As on a full disk: the folder for the reasons takes no file of this name."""
    (tmp_path / "a.csv").write_text("x")
    with WatchedFolder(tmp_path, 0).turn() as turn:
        assert turn is not None
        (tmp_path / "done" / ".a.csv.reasons.txt.tmp").mkdir()
        with pytest.raises(OSError, match="directory"):
            move(turn, "a.csv", Outcome.DONE, "why")
    assert (tmp_path / "a.csv").exists()
    assert os.listdir(tmp_path / "done") == [".a.csv.reasons.txt.tmp"]
