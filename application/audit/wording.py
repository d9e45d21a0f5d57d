"""The auditors' questions in words; their numbers never change."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

QUESTION_TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1: "Who could have approved, executed or reconciled it, at that time?",
        2: "Who did it, for whom, and through which agent or key?",
        3: "Why could this person not do it?",
        4: "Under which policy version and which limit was it decided?",
        5: "What did the person who decided see?",
        6: "What was known but not shown to that person?",
        7: "On which evidence is the case based, and is it unchanged?",
        8: "What has changed since then?",
        9: "What was its state at that time, by what had happened and by what was known?",
        10: "Was anything altered or removed?",
        11: "Is this list complete?",
        12: "Which items does this seed draw as a sample?",
        13: "Do the same inputs under the same policy still give the same decision?",
        14: "Which conflicting duties did one person have, by grants, by acts, and as found later?",
        15: "Which overrides, break-glass uses and policy edits were there, and who approved them?",
        16: "Was any sum split to stay below a limit?",
        17: "How long did it take from report to review, approval and execution, with which pauses and breaches?",
        18: "What was approved but not executed, executed but not approved, or differs from the provider's statement?",
        19: "Who read this customer's data?",
        20: "Which personal data is held, and what was erased?",
        21: "Who had access to what, as of a date?",
        22: "What was done in the name of a person who had left?",
        23: "Which builds and schemas may have written it?",
        24: "Who asked which question, with which query, at which position?",
        25: "Did the controls operate during the whole period?",
        26: "Was more given back than was taken?",
    }
)
