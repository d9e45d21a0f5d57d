"""The account that the embedded PostgreSQL runs as, and the directories that it owns.

PostgreSQL refuses to run as root, so root runs it as an existing account. Files that this account cannot
reach (in a home below /root, for example) are in /var/lib/casetrail instead. Not in /var/tmp, from which
systemd removes old files. Owner and mode change only for directories that were made here.
"""

import os
import pwd
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from infrastructure.durable_files import fsync_directory

ROOT_DATA_DIRECTORY = Path("/var/lib/casetrail")
# None of the caller's variables: PG* would change the server, and secrets must not reach it.
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class Account(NamedTuple):
    """An account that the server runs as when root starts it."""

    uid: int
    gid: int


def account_for_root() -> Account:
    """The account `postgres`, else `nobody`; none is ever created. Raises PermissionError."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise PermissionError(
        "PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as"
    )


def root_data_directory() -> Path:
    """The directory for files that would be in a home that the account cannot reach. Raises OSError."""
    if not ROOT_DATA_DIRECTORY.exists():
        ROOT_DATA_DIRECTORY.mkdir(parents=True, exist_ok=True)
        ROOT_DATA_DIRECTORY.chmod(0o755)  # despite the umask: the account must pass through
    return ROOT_DATA_DIRECTORY


def run_as(
    account: Account | None, command: Sequence[str], inherit: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as the account (None: as ourselves); stderr goes to stdout. Raises
    OSError if the program cannot be started."""
    return subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=ENVIRONMENT,
        cwd="/",  # the account may have no access to our directory
        pass_fds=inherit,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def can_run(account: Account, command: Sequence[str]) -> bool:
    """Whether the account can run the command. It is tried, since modes alone do not decide."""
    try:
        return run_as(account, command).returncode == 0
    except PermissionError:
        return False


def account_for_owner(directory: Path) -> Account | None:
    """The account to run as for a directory: its owner if we are root, else ourselves (None)."""
    if os.geteuid() != 0:
        return None
    found = directory.stat()
    return Account(found.st_uid, found.st_gid)


def make_cluster_directory(home: Path) -> Path:
    """The directory `postgres` of the home, made for the server's account if it is missing. Raises
    OSError if it belongs to another account, or is a link to a missing directory."""
    directory = home / "postgres"
    if directory.exists():
        owner, own = directory.stat().st_uid, os.geteuid()
        if owner != own if own else owner == 0:
            raise PermissionError(f"{directory} belongs to account {owner}, but we run as {own}")
        return directory.resolve()
    if directory.is_symlink():
        raise FileNotFoundError(f"{directory} is a link to a missing directory")
    account = account_for_root() if os.geteuid() == 0 else None
    outside = account and not can_run(account, ["/bin/sh", "-c", 'cd "$0"', str(home)])
    made = Path(
        tempfile.mkdtemp(prefix="postgres-", dir=root_data_directory() if outside else home)
    )
    if account:
        os.chown(made, *account)
    # Change the owner first, name it last: an interrupted start leaves only an empty directory.
    if outside:
        directory.symlink_to(made)
    else:
        made.rename(directory)
    fsync_directory(home)
    return directory.resolve()


def make_private(directory: Path, account: Account | None) -> None:
    """Make a directory that only the account can enter. Raises OSError, also if another account made
    it and could listen there."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        if account:
            os.chown(directory, *account)
    found = directory.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is not private to the account {owner}: remove it")
