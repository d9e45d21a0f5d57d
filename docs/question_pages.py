"""The page of the auditor's questions: meaning, parameters and an example of each, from the code and the tests."""

from __future__ import annotations

from pathlib import Path

from api.routes.questions import QUESTIONS, ListedQuestion, listed_questions

EXAMPLES = Path(__file__).resolve().parent.parent / "tests" / "audit" / "golden" / "text"
MOST_LINES = 34
"""How many lines of an example are shown."""
INTRODUCTION = """\
# Questions of an auditor

This page is for auditors.

Each question has a route and a command; both give the same answer. You need the permission `log.read`, and for
questions about people `people.read`, in a [grant](glossary.md#grant) without scope. Each question is recorded before it is
answered (`audit.asked`): who asked, with which parameters, how far the log reached, and the SHA-256 of the
answer. `GET /v1/audit/questions` and `casetrail audit ask` list the questions. How the answers about people,
money and controls are computed is explained in [controls](controls.md).

## How an answer reads

| part | JSON | content |
| --- | --- | --- |
| the answer in sentences | `says` | the first sentence answers the question |
| Searched | `searched` | what was read and compared for it, and what was not. An empty list means something only with this |
| Next | `next_steps` | what to do or to ask next |
| the lists | `answer` | every finding. The command prints them with names and shortens hashes; `--json` has all fields in full |
| From the log up to | `position`, `answered_at` | the [position](glossary.md#position) up to which the log was read, and when |
| recorded at position | `recorded` | the event that records the question |
| SHA-256 | `digest` | of `answer`; the same question at the same position has the same |

Times are in UTC (`Z`). An amount has the currency that it was stated in; a sum of several currencies is not converted. Lengths of time are
calendar time. The exit status of the command is 1 if the answer is that something was altered, is missing or
differs. The options `--case` and `--adjustment` take the ids that the answers print beside each name.
"""


def questions() -> str:
    """The page, without the note that it is generated."""
    listed = listed_questions()
    return "\n".join(
        [
            INTRODUCTION,
            "## All questions",
            "",
            "| number | question | API | command line |",
            "| --- | --- | --- | --- |",
            *map(_row, listed),
            "",
            "## Each question",
            "",
            "The examples are from the tests, where each is asked and compared with the text below.",
            "",
            *map(_section, listed),
        ]
    )


def _row(one: ListedQuestion) -> str:
    names = [f"{p.name}=" if p.required else f"[{p.name}=]" for p in one.parameters]
    options = [_option(p.name, p.required) for p in one.parameters]
    routes = [f"{one.route} {' '.join(names)}".strip(), *one.other_routes]
    commands = [" ".join((one.command, *options)), *one.other_commands]
    api, line = (" · ".join(f"`{told}`" for told in ways) for ways in (routes, commands))
    return f"| {one.number} | [{one.asks}](#question-{one.number}) | {api} | {line} |"


def _option(name: str, required: bool) -> str:
    said = f"--{name.replace('_', '-')} …"
    return said if required else f"[{said}]"


def _section(one: ListedQuestion) -> str:
    question = next(each for each in QUESTIONS if each.number == one.number)
    meaning = " ".join((question.answer.__doc__ or "").split())
    parameters = [
        f"| `{p.name}` | {'yes' if p.required else 'no'} | {p.says} |" for p in one.parameters
    ]
    return "\n".join(
        [
            f'### <a id="question-{one.number}"></a>{one.number}. {one.asks}',
            "",
            meaning,
            "",
            "| parameter | required | meaning [without it] |",
            "| --- | --- | --- |",
            *parameters,
            "",
            "```text",
            *_example(one.number),
            "```",
            "",
        ]
    )


def _example(number: int) -> list[str]:
    """The first lines of the first golden answer to the question."""
    files = sorted((*EXAMPLES.glob(f"{number:02}_*.txt"), *EXAMPLES.glob(f"people-{number}.txt")))
    lines = files[0].read_text("utf-8").splitlines()
    shown = lines[:MOST_LINES]
    return (
        [*shown, f"… ({len(lines) - len(shown)} more lines)"] if len(shown) < len(lines) else shown
    )
