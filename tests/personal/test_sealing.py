"""Sealing: every marked field is encrypted before it is stored, bound to its envelope, and readable only with
the key."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from application.log.event_codec import from_state, to_stored
from application.log.recorder import CommandRow, StoredCommand
from application.log.sealing import SealBroken, Seals
from domain.personal_data import (
    ERASED,
    SEALED,
    erase_personal,
    extract_personal,
    personal_fields,
    personal_texts,
    restore_personal,
)
from domain.policy.facts import ORDER_FACTS
from domain.recorded_event import RecordedEvent
from infrastructure.personal.aes import AesKey, new_secret
from tests.application.in_memory_keys import MemoryKeys
from tests.domain.signals import BOUNDED_SETTINGS
from tests.event_store.sample_lines import LINES

OF_AN_ORDER = [structs.replace(line, order="O-1") for line in LINES]


def test_each_personal_field_is_marked() -> None:
    """Adding or removing a mark changes how logs are written: it needs a decision."""
    named = {struct for struct, _ in personal_fields(RecordedEvent)}
    assert {"Customer", "Address", "MessageReceived", "NoteAdded", "Evidence"} <= named
    notes = {struct.__name__ for struct in _with_note(RecordedEvent)}
    # Notes on queue plans, policies, mappings and people are not about customers, nor is the signed note of a checkpoint.
    server = {
        "RecoveryOwned",
        "RecoveryActionDone",
        "PolicyApproved",
        "PolicyActivated",
        "PolicyRatified",
        "BreakGlassReviewed",
        "LossAccepted",
        "SourceMappingApproved",
    }
    assert notes - server == {
        struct for struct, field in personal_fields(RecordedEvent) if field == "note"
    }
    assert ("PacketFact", "value (fact)") in set(personal_fields(RecordedEvent))
    assert "customer.id" in ORDER_FACTS


def _with_note(kind: object) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    seen: set[object] = set()

    def walk(hint: object) -> None:
        from domain.personal_data import _hints, _structs_in

        for struct in _structs_in(hint):
            if struct in seen:
                continue
            seen.add(struct)
            hints = _hints(struct)
            if "note" in hints:
                found.add(struct)
            for one in hints.values():
                walk(one)

    walk(kind)
    return found


@pytest.mark.parametrize("line", OF_AN_ORDER, ids=lambda line: line.type)
def test_a_sealed_event_opens_unchanged_and_only_with_its_key(line: RecordedEvent) -> None:
    keys = MemoryKeys()
    seals = Seals(keys)
    (stored,) = seals.sealed([line], None).events
    texts = personal_texts(line.event)
    bare = to_stored(structs.replace(line, event=extract_personal(line.event)[0])).state
    for text in texts:
        said = json.dumps(text, ensure_ascii=False).encode()
        assert stored.state.count(said) == bare.count(said)
    (opened,) = seals.opened([(7, stored.state)])
    assert opened == structs.replace(line, position=7)
    assert (from_state(7, stored.state).sealed is None) == (not texts)
    keys.keys.clear()
    (gone,) = seals.opened([(7, stored.state)])
    assert gone.event == erase_personal(line.event)
    assert set(personal_texts(gone.event)) <= {ERASED}
    # Without any keys, the field shows that there was a text.
    assert set(personal_texts(from_state(7, stored.state).event)) <= {SEALED}


@pytest.mark.parametrize("line", OF_AN_ORDER[::7], ids=lambda line: line.type)
def test_sealing_is_deterministic_per_event(line: RecordedEvent) -> None:
    seals = Seals(MemoryKeys())
    (one,) = seals.sealed([line], None).events
    (again,) = seals.sealed([line], None).events
    (later,) = seals.sealed([structs.replace(line, version=line.version + 1)], None).events
    assert one.state == again.state
    assert one.state != later.state


def test_a_text_that_looks_sealed_is_sealed_too() -> None:
    note = next(line for line in OF_AN_ORDER if line.type == "case.note_added")
    line = structs.replace(note, event=structs.replace(note.event, note=SEALED))
    seals = Seals(MemoryKeys())
    (stored,) = seals.sealed([line], None).events
    (opened,) = seals.opened([(0, stored.state)])
    assert opened == line


@BOUNDED_SETTINGS
@given(st.data())
def test_a_changed_byte_of_an_envelope_or_its_seal_is_noticed(data: st.DataObject) -> None:
    line = next(one for one in OF_AN_ORDER if one.type == "case.note_added")
    keys = MemoryKeys()
    seals = Seals(keys)
    (stored,) = seals.sealed([line], None).events
    state = bytearray(stored.state)
    place = data.draw(st.integers(0, len(state) - 1))
    state[place] ^= data.draw(st.sampled_from([1, 2, 4, 16]))
    try:
        (opened,) = seals.opened([(0, bytes(state))])
    except (SealBroken, msgspec.MsgspecError, UnicodeDecodeError):
        return
    # Another key is named, which is not there; or nothing says any more that something is sealed: then
    # it is not read either, and the line's leaf tells.
    assert personal_texts(opened.event) in ((ERASED,), (SEALED,), ())


def test_a_seal_does_not_open_in_another_event() -> None:
    key = AesKey("a.0", new_secret())
    text = key.seal(b"x", b"about this")
    assert key.open(text, b"about this") == b"x"
    for broken, about in ((text, b"about that"), (text[:-4], b"about this"), ("%", b"")):
        with pytest.raises(SealBroken):
            key.open(broken, about)
    assert len(base64.b64decode(text)) == 12 + 1 + 16


def test_a_stored_response_is_sealed_and_returned_without_erased_texts() -> None:
    keys = MemoryKeys()
    seals = Seals(keys)
    row = CommandRow("ana", "k", b"d", b'{"note":"Ana"}', "O-1", b'{"note":"[erased]"}')
    kept = seals.sealed([], row).command
    assert kept is not None
    assert b"Ana" not in kept.result
    taken = StoredCommand(b"d", kept.result, 3)
    assert seals.opened_answer(taken).result == b'{"note":"Ana"}'
    keys.keys.clear()
    assert seals.opened_answer(taken).result == b'{"note":"[erased]"}'
    # Without an order, the response is stored without personal texts.
    nobodys = seals.sealed([], structs.replace(row, order=None)).command
    assert nobodys is not None
    assert nobodys.result == b'{"note":"[erased]"}'


def test_extracted_personal_data_can_be_restored() -> None:
    for line in OF_AN_ORDER:
        bare, texts = extract_personal(line.event)
        assert restore_personal(bare, iter(texts)) == line.event
        assert (bare is line.event) == (not texts)
    assert to_stored(OF_AN_ORDER[0]).state  # the event itself is unchanged
