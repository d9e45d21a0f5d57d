"""Policies as plain data: the shipped one, for tests that change one place, and small ones."""

from __future__ import annotations

import copy
from typing import Any, cast

import yaml

from domain.policy.reader import read_policy
from domain.policy.rulebook import Rulebook
from infrastructure.policies.files import DEFAULT_POLICY_FILE, load_policy
from infrastructure.policies.public_holidays import expand_holidays

# Dates are text in it, so a plain safe load gives the same document.
_PLAIN, _ = expand_holidays(yaml.safe_load(DEFAULT_POLICY_FILE.read_text(encoding="utf-8")))
_DEFAULT = cast("dict[str, Any]", _PLAIN)
SHIPPED = load_policy()


def shipped() -> dict[str, Any]:
    """A copy of the shipped policy."""
    return copy.deepcopy(_DEFAULT)


def with_version(version: str, **parts: Any) -> Rulebook:
    return read_policy({**shipped(), "version": version, **parts})


def small_policy(
    *,
    detect: list[dict[str, Any]] | None = None,
    expect: list[dict[str, Any]] | None = None,
    version: str = "1",
    **kind: Any,
) -> Rulebook:
    """A policy with one kind of exception, `trouble`."""
    about = {"title": "Trouble", "bucket": "fraud_risk", "severity": "high", "automation": "review"}
    return read_policy(
        {
            "policy": "small",
            "version": version,
            "queues": {"desk": {"title": "The desk", "owner_team": "everybody"}},
            "kinds": {"trouble": {**about, **kind}},
            "detect": [{"kind": "trouble", **rule} for rule in detect or []],
            "expect": [{"kind": "trouble", **rule} for rule in expect or []],
            "priorities": {"severity": {"high": 10}},
            "route": [{"rule": "all", "queue": "desk", "work_type": "any", "skill": "any"}],
        }
    )


def without_kinds(*gone: str, version: str = "next") -> Rulebook:
    """The shipped policy without these kinds and without the rules and routes that name them."""
    document = shipped()
    for kind in gone:
        del document["kinds"][kind]
        for part in ("detect", "expect"):
            document[part] = [rule for rule in document[part] if rule["kind"] != kind]
        document["route"] = [r for r in document["route"] if kind not in str(r.get("when"))]
    parts = {name: document[name] for name in ("kinds", "detect", "expect", "route")}
    return with_version(version, **parts)
