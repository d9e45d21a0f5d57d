"""What an auditor asks, in words: the numbers are for ever."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

IN_WORDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "Who could have approved, executed or reconciled it, at that time?",
        2: "Who did, as whom, and through which agent or key?",
        3: "Why could this person not?",
        4: "Under which version of the policy, and under which limit?",
        5: "What did the decider see?",
        6: "What was known, but not shown?",
        7: "On which evidence, and is it unchanged?",
        8: "What has changed since?",
        9: "How did it stand at that time, by what had happened and by what was known?",
        10: "Was anything altered or removed?",
        11: "Is this list complete?",
        12: "Which of them are drawn, by this seed?",
        13: "Do the same inputs, under the same policy, still come out the same?",
        14: "Which duties fell to one person: as grants, as acts, and as was found out later?",
        15: "Which overrides, openings in an emergency and edits of policy were there, by whom approved?",
        16: "Was anything split to stay below a limit?",
        17: "How long from report to review, approval and execution; with which pauses and breaches?",
        18: "What was approved and not executed, executed and not approved, or differs from the provider's list?",
        19: "Who read this customer's data?",
        20: "Which personal data is held, and what of it was erased?",
        21: "Who might do what, as of a date?",
        22: "What was done in the name of somebody who had left?",
        23: "Which build and schema handled it?",
        24: "Who asked this, with which query, at which position?",
        25: "Did the control work for all of the period?",
    }
)
