"""Plausible bugs in what becomes of the secrets of sources, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

UNUSED: Final = "tests/sources/test_unused_secrets.py"

SECRET_BUGS: Final = (
    Bug(
        "a secret is destroyed before its command has recorded it",
        "application/sources/unused_secrets.py",
        "left = unused & {*self._unused_before}",
        "left = unused",
        f"{UNUSED}::test_a_secret_that_is_recorded_after_it_was_seen_is_kept",
    ),
    Bug(
        "the secret of pulls counts as unused",
        "domain/sources/source.py",
        "return (*(one.name for one in self.valid_secrets(now)), *pulled)",
        "return (*(one.name for one in self.valid_secrets(now)), *pulled[1:])",
        f"{UNUSED}::test_what_a_killed_command_left_is_destroyed",
    ),
    Bug(
        "the secret before is not valid until it ends",
        "domain/sources/source.py",
        "return (*(one.name for one in self.valid_secrets(now)), *pulled)",
        "return (*(one.name for one in self.secrets[-1:]), *pulled)",
        f"{UNUSED}::test_a_secret_that_is_recorded_after_it_was_seen_is_kept",
    ),
    Bug(
        "a copy that a killed process left stays for ever",
        "infrastructure/personal/key_store.py",
        'return found | {one.rpartition(".")[0] for one in copies}',
        "return found & {*found, *copies}",
        f"{UNUSED}::test_what_a_killed_command_left_is_destroyed",
    ),
    Bug(
        "a refusal is hidden by a key store that is down",
        "application/sources/source_desk.py",
        "            with suppress(KeyStoreUnavailable):\n",
        "            with suppress(SourceNotFound):\n",
        f"{UNUSED}::test_a_refused_command_leaves_nothing_and_says_why_although_the_store_is_down",
    ),
    Bug(
        "the secret before stays in the key store",
        "application/sources/source_desk.py",
        "            self._secrets.destroy(before.secret)\n",
        "            pass\n",
        "tests/sources/test_pulls_that_fail.py::test_the_secret_is_neither_shown_nor_recorded",
    ),
)
