from collections.abc import Callable, Iterator

import pytest

from tests.api.running_service import RunningService, run_service
from tests.conftest import Databases
from tests.console.browser import Page, executable, open_browser

SignedIn = Callable[..., Page]


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    program = executable()
    if program is None:
        pytest.skip("no browser here: install chromium")
    with open_browser(program) as page:
        yield page


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    """A service with people and reports; the tests of a file share its database."""
    with databases.new(template_database) as name, run_service(databases.dsn(name)) as running:
        yield running


@pytest.fixture
def as_person(server: RunningService, page: Page) -> Iterator[SignedIn]:
    """A function that signs a person in to the console."""

    def sign_in(name: str, width: int = 1400) -> Page:
        page.open(f"{server.url}/#{server.tokens[name]}", width)
        page.until(f"me?.person === {name!r} && openQueue !== null")
        return page

    page.faults.clear()
    yield sign_in
    assert page.faults == []
    page.leave()
