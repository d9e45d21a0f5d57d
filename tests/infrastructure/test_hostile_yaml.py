"""YAML is bounded: what would take a thousand billion steps, or make no plain data, is refused with its place."""

import pytest

from infrastructure.strict_yaml import MOST_NODES, NotYaml, load_yaml


def levels(first: str, each: str) -> str:
    """Eleven parts of which each repeats the one before it ten times."""
    parts = [f"a0: &a0 {first}"]
    parts += [f"a{n}: &a{n} {each.replace('*', f'*a{n - 1}')}" for n in range(1, 12)]
    return "\n".join(parts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (levels("{k: 1}", f"{{<<: [{', '.join('*' * 10)}]}}"), f"more than {MOST_NODES} values"),
        (levels("[lol]", f"[{', '.join('*' * 10)}]"), f"more than {MOST_NODES} values"),
        (levels("{a: b}", f"{{{', '.join(f'k{n}: *' for n in range(10))}}}"), f"more than {MOST_NODES} values"),
        ("a: &x [*x]", "repeats itself"),
        ("a: &x {<<: *x}", "repeats itself"),
        ("a: " + "[" * 101 + "]" * 101, "nested deeper than 100 levels"),
        ("a: 0x" + "f" * 20_000, "a number of more than 40 characters"),
        ("a: 1" + ":59" * 50_000, "a number of more than 40 characters"),
        ("a: 1" + "0" * 50 + ".0", "a number of more than 40 characters"),
        ("0x" + "f" * 50 + ": a", "a number of more than 40 characters"),
        ("a: .nan", ".nan is no number"),
        ("a: -.inf", "-.inf is no number"),
        ("a: !!set {a, b}", "!!set is not read"),
        ("a: !!binary aGk=", "!!binary is not read"),
        ("a: !!omap [{a: b}]", "!!omap is not read"),
        ("a: !!pairs [{a: b}]", "!!pairs is not read"),
        ('a: "\\ud800"', "half of a character"),
    ],
)  # fmt: skip
def test_hostile_yaml_is_refused_soon(text: str, reason: str) -> None:
    with pytest.raises(NotYaml) as caught:
        load_yaml(text)
    assert reason in str(caught.value)
    assert "line" in str(caught.value)


def test_words_of_truth_are_the_keys_that_they_are() -> None:
    assert load_yaml("{off: 1, NO: yes, ~: 2, 3: 4}") == {"off": 1, "NO": True, "~": 2, 3: 4}
    with pytest.raises(NotYaml, match="duplicate key 'off'"):
        load_yaml("{off: 1, off: 2}")


def test_anchors_and_merges_of_a_usual_size_are_read() -> None:
    found = load_yaml("a: &a {k: 1}\nb: {<<: *a, l: [*a, *a]}\n")
    assert found == {"a": {"k": 1}, "b": {"k": 1, "l": [{"k": 1}, {"k": 1}]}}
    assert load_yaml("") is None
