"""Every page is reachable from docs/index.md, every link leads to a file and a place in it, and every
term of the glossary is used."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKING = [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES]
GLOSSARY = DOCS / "glossary.md"
AUDIENCE = "This page is for "


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def prose(page: Path) -> str:
    """The page without code."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"`[^`\n]*`", "", text)


@cache
def links(page: Path) -> list[tuple[Path, str]]:
    """File and anchor of each relative link."""
    found = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", prose(page))
    return [((page.parent / file).resolve() if file else page, anchor) for file, anchor in found]


@cache
def anchors(page: Path) -> set[str]:
    """The places of a page: its headings, as GitHub names them, and `<a id>`."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))


def terms() -> dict[str, str]:
    """Each term of the glossary and its anchor, in the order of the page."""
    lines = [x for x in GLOSSARY.read_text(encoding="utf-8").splitlines() if x.startswith("- ")]
    found = [re.fullmatch(r'- <a id="([\w-]+)"></a>\*\*([^*]+)\*\*: .+\.', line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[2]: match[1] for match in found if match}


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_every_link_leads_to_a_file_and_a_place_in_it(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), f"{name(page)}: no file {file}"
        if anchor:
            assert file.suffix == ".md"
            assert anchor in anchors(file), f"{name(page)}: no place #{anchor} in {name(file)}"


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, ahead = set(), [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached and page.suffix == ".md" and DOCS in page.parents:
            reached.add(page)
            ahead += [file for file, _ in links(page)]
    assert [name(page) for page in PAGES if page not in reached] == []


def test_the_index_links_every_page_itself() -> None:
    linked = {file for file, _ in links(DOCS / "index.md")}
    assert [
        name(page) for page in DOCS.glob("*.md") if page not in linked | {DOCS / "index.md"}
    ] == []


def test_the_readme_links_the_index_and_the_glossary() -> None:
    assert {DOCS / "index.md", GLOSSARY} <= {file for file, _ in links(ROOT / "README.md")}


@pytest.mark.parametrize("page", [*DOCS.glob("*.md"), DOCS / "adr" / "README.md"], ids=name)
def test_a_page_begins_with_who_it_is_for(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"(?:<!--.*-->\n\n)?# [^\n]+\n\n{AUDIENCE}", text), text[:200]


def test_the_list_of_decisions_has_each_by_its_title() -> None:
    listed = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for page in (DOCS / "adr").glob("0*.md"):
        number, title = re.findall(r"^# (\d+)\. (.+)$", page.read_text(), re.MULTILINE)[0]
        assert f"| {number} | [{title}]({page.name}) |" in listed
        assert page.name.startswith(f"{int(number):04}-")


def test_the_glossary_is_alphabetical() -> None:
    found = [*terms()]
    assert len(found) > 80
    assert found == sorted(found, key=str.lower)
    assert all(anchor == term.replace(" ", "-") for term, anchor in terms().items())


@pytest.mark.parametrize("term", terms())
def test_a_term_of_the_glossary_is_used(term: str) -> None:
    plural = "(?:s|es|ed)?" if not term.endswith("y") else ""
    word = re.escape(term.removesuffix("y")) + ("(?:y|ies)" if term.endswith("y") else plural)
    used = re.compile(rf"\b{word}\b", re.IGNORECASE)
    pages = [page for page in LINKING if page != GLOSSARY]
    assert any(used.search(page.read_text(encoding="utf-8")) for page in pages), term


def test_the_glossary_is_linked_from_the_pages() -> None:
    """A page that explains how casetrail works links the terms that it uses."""
    for page in DOCS.glob("*.md"):
        if page.name not in ("problems.md", "glossary.md"):
            assert GLOSSARY in {file for file, _ in links(page)}, name(page)


OURS = (
    "packet",
    "lease",
    "re-term",
    "position",
    "bucket",
    "queue family",
    "look-up",
    "fold",
    "envelope",
    "checkpoint",
    "witness",
    "leaf",
    "bundle",
    "population",
    "drift",
    "principal",
    "delegate",
    "break-glass",
    "ladder",
    "rung",
    "cut-off",
    "recovery plan",
    "adjustment",
    "re-performance",
    "standard flow",
    "system of record",
    "timekeeper",
    "generation",
    "halt",
    "expectation",
    "detection",
    "grant",
    "sealed",
)
"""Terms that have a meaning of their own here: each page links them where it uses them first."""
GENERATED = {"commands.md", "events.md", "problems.md", "facts.md", "questions.md", "readings.md"}


def first_use(page: Path, term: str) -> str | None:
    """What stands at the first use of the term outside headings and code: a link, or the bare words."""
    word = rf"{term[:-1]}(?:y|ies)" if term.endswith("y") else rf"{term}(?:es|s)?"
    text = re.sub(r"^(?:#.*|<!--.*)$", "", prose(page), flags=re.MULTILINE)
    found = re.search(rf"\[[^\]]*\b{word}\b[^\]]*\]\([^)]*\)|\b{word}\b", text, re.IGNORECASE)
    return found[0] if found else None


@pytest.mark.parametrize(
    "page", [*(p for p in DOCS.glob("*.md") if p.name not in GENERATED)], ids=name
)
def test_a_term_of_ours_is_linked_where_a_page_uses_it_first(page: Path) -> None:
    if page not in (GLOSSARY, DOCS / "index.md"):
        bare = {term for term in OURS if not (first_use(page, term) or "[").startswith("[")}
        assert bare == set(), f"link to glossary.md in {name(page)}"
