"""Reads policy files: YAML in, a validated rulebook out."""

from pathlib import Path

from domain.errors import Fault, Invalid
from domain.policy.reader import find_size_fault, read_policy
from domain.policy.rulebook import Rulebook
from infrastructure.encoded_text import TextTooLong, UnreadableText, read_text
from infrastructure.policies.public_holidays import expand_holidays
from infrastructure.strict_yaml import LineNumbers, NotYaml, load_yaml

DEFAULT_POLICY_FILE = Path(__file__).parent / "default.yaml"
LARGEST_BYTES = 1 << 20


def load_policy(file: Path = DEFAULT_POLICY_FILE) -> Rulebook:
    """The rulebook of a policy file. Raises Invalid with every fault, and OSError if the file cannot
    be read."""
    if file.stat().st_size > LARGEST_BYTES:
        raise Invalid([Fault("", f"larger than {LARGEST_BYTES} bytes")], str(file))
    try:
        text = read_text(file, LARGEST_BYTES)
        raw = load_yaml(text)
    except (UnreadableText, TextTooLong, NotYaml) as error:
        raise Invalid([Fault("", str(error))], str(file)) from None
    try:
        return parse_rulebook(raw)
    except Invalid as refused:
        lines = LineNumbers(text)
        faults = [
            Fault(f.pointer, f"line {lines.of(f.pointer)}: {f.detail}") for f in refused.faults
        ]
        raise Invalid(faults, str(file)) from None


def parse_rulebook(raw: object) -> Rulebook:
    """The rulebook of a policy as written in a file, with holidays by region. Raises Invalid with
    every fault."""
    # An oversized policy is refused before its holidays are looked up.
    plain, faults = expand_holidays(raw) if find_size_fault(raw) is None else (raw, [])
    try:
        rulebook = read_policy(plain)
    except Invalid as refused:
        raise Invalid([*faults, *refused.faults], "policy") from None
    if faults:
        raise Invalid(faults, "policy")
    return rulebook
