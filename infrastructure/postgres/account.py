"""Whom PostgreSQL runs as, and the directories that are handed to that account.

PostgreSQL refuses to run as root, so root runs it as an existing account. What that account cannot reach
(a home or a wheel below /root, say) is kept in /var/lib/casetrail instead. Not in /var/tmp: systemd clears
old files from it, data or not. No directory that was not made here changes hands or permissions.
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

PLACE_FOR_ROOT = Path("/var/lib/casetrail")
# No variable of the caller: PG* would change the server, and secrets are none of its business.
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class Account(NamedTuple):
    """Whom the server runs as when root starts it."""

    uid: int
    gid: int


def account_for_root() -> Account:
    """The first of the accounts that exist nearly everywhere; none is ever created.

    Raises PermissionError.
    """
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise PermissionError("PostgreSQL refuses to run as root, and no postgres or nobody is here")


def place_for_root() -> Path:
    """The directory for what has to lie outside a home that the account cannot reach.

    Raises OSError.
    """
    if not PLACE_FOR_ROOT.exists():
        PLACE_FOR_ROOT.mkdir(parents=True, exist_ok=True)
        PLACE_FOR_ROOT.chmod(0o755)  # whatever the umask: the account goes through here
    return PLACE_FOR_ROOT


def execute(
    account: Account | None, command: Sequence[str], inherit: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run to the end as the account (None: as ourselves), errors among the output.

    Raises OSError when the program cannot be begun at all.
    """
    return subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=ENVIRONMENT,
        cwd="/",  # where we are, the account may not be
        pass_fds=inherit,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def succeeds(account: Account, command: Sequence[str]) -> bool:
    """Whether the account can run it: asked by trying, since modes alone do not tell it all."""
    try:
        return execute(account, command).returncode == 0
    except PermissionError:
        return False


def owner_of(directory: Path) -> Account | None:
    """Whom to run as for the owner of the directory: nobody else (None) unless we are root."""
    if os.geteuid() != 0:
        return None
    found = directory.stat()
    return Account(found.st_uid, found.st_gid)


def make_cluster_directory(home: Path) -> Path:
    """The directory `postgres` of the home, made for the server's account if there is none.

    Raises OSError: the account has no right to it, or it points to what is gone.
    """
    directory = home / "postgres"
    if directory.exists():
        owner, own = directory.stat().st_uid, os.geteuid()
        if owner != own if own else owner == 0:
            raise PermissionError(f"{directory} belongs to the account {owner}, and we are {own}")
        return directory.resolve()
    if directory.is_symlink():
        raise FileNotFoundError(f"the data that {directory} points to are gone")
    account = account_for_root() if os.geteuid() == 0 else None
    outside = account and not succeeds(account, ["/bin/sh", "-c", 'cd "$0"', str(home)])
    made = Path(tempfile.mkdtemp(prefix="postgres-", dir=place_for_root() if outside else home))
    if account:
        os.chown(made, *account)
    # Handed over first, named last: what an interrupted start leaves is empty and in nobody's way.
    if outside:
        directory.symlink_to(made)
    else:
        made.rename(directory)
    sync(home)
    return directory.resolve()


def make_private(directory: Path, account: Account | None) -> None:
    """Make a directory for the account alone.

    Raises OSError, also for one that another account made and could listen in.
    """
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        if account:
            os.chown(directory, *account)
    found = directory.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is not private to the account {owner}: remove it")


def sync(directory: Path) -> None:
    """Make what was named in the directory outlast a power cut. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
