"""What the answer of a witness says about the log."""

import re
from typing import Final

from infrastructure.postgres.rows import Connection
from infrastructure.transparency.ask_witness import SIZE_MEDIA_TYPE
from infrastructure.transparency.nodes import read_head
from infrastructure.transparency.witness_requests import Answer
from infrastructure.verifier import notes

_SIZE: Final = re.compile("[0-9]{1,18}")


class WitnessUnavailable(Exception):
    """The witness did not answer, or its answer is not a witness's."""


class WitnessObjects(Exception):
    """The witness refuses the log."""


def known_size(connection: Connection, answer: Answer, url: str) -> int:
    """The size that the witness has cosigned last. Raises WitnessUnavailable or WitnessObjects."""
    if answer.error is not None:
        raise WitnessUnavailable(answer.error)
    old, size = answer.request.old, answer.request.size
    if answer.status == 422:
        raise _fork(
            answer, url, f"the {size} positions do not extend the {old} that it has cosigned"
        )
    text = _text_of(answer)
    is_size = answer.media_type == SIZE_MEDIA_TYPE and _SIZE.fullmatch(text)
    if answer.status != 409 or not is_size:
        raise WitnessUnavailable(f"{url} answered {answer.status}: {text[:200]}")
    known = int(text)
    if known == old == size:
        raise _fork(answer, url, f"it has cosigned another log of {size} positions")
    if known > size and known > (stored := read_head(connection)):
        why = (
            f"it has cosigned {known} positions, the log has {stored}: {known - stored} are missing "
            f"({stored + 1} to {known})"
        )
        raise _fork(answer, url, why)
    return known


def _fork(answer: Answer, url: str, why: str) -> WitnessObjects:
    return WitnessObjects(
        f"The witness {answer.witness} at {url} refuses the log: {why}. Restore a later backup; a witness "
        "never cosigns a second history."
    )


def stated_size(answer: Answer, url: str) -> int | WitnessUnavailable:
    """How many positions the witness has cosigned, asked with a checkpoint; or why it does not say."""
    if answer.error is not None:
        return WitnessUnavailable(answer.error)
    text = _text_of(answer)
    if answer.status == 200:
        return answer.request.size
    if answer.status == 409 and _SIZE.fullmatch(text):
        return int(text)
    return WitnessUnavailable(f"{url} answered {answer.status}: {text[:200]}")


def own_line(key: notes.Key, text: str, answer: Answer, url: str) -> str:
    """The witness's own signature line of its answer about a checkpoint's text. Raises WitnessUnavailable."""
    try:
        _, lines = notes.split_note(f"{text}\n".encode() + answer.body)
        own = next(line for line in lines if _is_of(key, line))[0]
        notes.cosignature_time(f"{text}\n{own}".encode(), key)
    except (notes.NoteBroken, StopIteration) as error:
        raise WitnessUnavailable(
            f"{url} did not answer with a cosignature of its key: {error}"
        ) from None
    return own


def _is_of(key: notes.Key, line: tuple[str, str, bytes]) -> bool:
    _, name, signature = line
    return name == key.name and signature.startswith(key.id)


def _text_of(answer: Answer) -> str:
    return answer.body.decode(errors="replace").strip()
