"""The answers to the auditor's questions in words, by the number of the question."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from api.routes.questions.question import AnswerSources
from api.routes.questions.wording import (
    access,
    adjustments,
    cases,
    conflicts,
    control,
    lists,
    log,
    money,
    overrides,
    packets,
    payments,
    privacy,
)
from api.routes.questions.words import Words

WORDS: Final[Mapping[int, Callable[[AnswerSources, Any, Any], Words]]] = MappingProxyType(
    {
        1: adjustments.who_could,
        2: adjustments.who_did,
        3: adjustments.why_not,
        4: adjustments.under_which,
        5: packets.what_was_seen,
        6: packets.what_was_not_shown,
        7: cases.on_which_evidence,
        8: cases.what_changed,
        9: cases.how_it_stood,
        10: log.was_it_altered,
        11: lists.is_it_complete,
        12: lists.which_are_drawn,
        13: log.does_it_come_out_the_same,
        14: conflicts.which_conflicts,
        15: overrides.which_overrides,
        16: money.which_splits,
        17: money.how_long,
        18: payments.what_was_paid,
        19: privacy.who_read_it,
        20: privacy.what_is_held,
        21: access.who_had_access,
        22: access.who_had_left,
        23: control.which_build,
        24: log.who_asked,
        25: control.did_it_operate,
        26: money.what_was_given_back,
    }
)
