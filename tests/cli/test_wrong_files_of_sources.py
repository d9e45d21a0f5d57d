"""Commands on sources say what is wrong with a file or an option, and what is right."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from api.commands.sources import sources
from tests.cli.conftest import Casetrail

BINARY = b"\x89PNG\r\n\xff\xfe\xd8"
REASON = ("--reason", "A test.")
DOCUMENTS = {
    "check": ("check", "FILE"),
    "add": ("add", "one", "--mapping", "FILE", "--owner", "order_desk"),
    "mapping": ("mapping", "one", "FILE", *REASON),
    "propose": ("propose", "one", "FILE", *REASON),
    "pull-settings": ("pull-settings", "one", "FILE", *REASON),
}
SECRETS = {
    "rotate": ("rotate", "one", "--secret-file", "FILE"),
    "pull-secret": ("pull-secret", "one", "--secret-file", "FILE"),
}


@pytest.fixture
def files(casetrail: Casetrail, tmp_path: Path) -> Path:
    casetrail("sources", "add", "one", "--mapping", "shopify", "--owner", "order_desk")
    (tmp_path / "dir").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(BINARY)
    return tmp_path


def said(casetrail: Casetrail, words: tuple[str, ...], file: Path | str) -> str:
    ran = casetrail("sources", *(file if one == "FILE" else one for one in words))
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr


@pytest.mark.parametrize("command", DOCUMENTS)
def test_a_document_that_cannot_be_read_is_explained(
    casetrail: Casetrail, files: Path, command: str
) -> None:
    words = DOCUMENTS[command]
    assert "no such file, and none of those that ship" in said(casetrail, words, files / "no")
    assert "did you mean shopify?" in said(casetrail, words, "shopfy")
    assert "a directory, and no file" in said(casetrail, words, files / "dir")
    if command != "propose":  # the service reads the text, and this one runs without it
        assert "it is empty" in said(casetrail, words, files / "empty")
    assert "not UTF-8" in said(casetrail, words, files / "binary")


@pytest.mark.parametrize("command", SECRETS)
def test_a_secret_that_cannot_be_read_is_explained(
    casetrail: Casetrail, files: Path, command: str
) -> None:
    words = SECRETS[command]
    assert "No such file" in said(casetrail, words, files / "no")
    assert "Is a directory" in said(casetrail, words, files / "dir")
    assert "/secret: must not be empty" in said(casetrail, words, files / "empty")
    assert "binary is no text" in said(casetrail, words, files / "binary")


def test_a_sample_that_cannot_be_read_is_explained(casetrail: Casetrail, files: Path) -> None:
    for name, words in (("empty", "it is empty"), ("binary", "not UTF-8")):
        (files / name).rename(files / f"{name}.json")
        ran = casetrail("sources", "check", "shopify", files / f"{name}.json")
        assert (ran.returncode, words in ran.stdout) == (1, True), ran.stdout


@pytest.mark.parametrize("name", [*sources.commands])
def test_a_misspelt_option_is_answered_with_the_right_one(casetrail: Casetrail, name: str) -> None:
    options = [
        option.opts[0]
        for option in sources.commands[name].params
        if isinstance(option, click.Option)
    ]
    for option in options:
        ran = casetrail("sources", name, f"{option[:-1]}x")
        assert (ran.returncode, "Did you mean" in ran.stderr) == (2, True), ran.stderr
        assert f"'{option}'" in ran.stderr
