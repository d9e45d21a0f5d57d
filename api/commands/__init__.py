"""Commands. A new one: one file here, one line below."""

import click

from api.commands.adjustments import adjustments
from api.commands.audit import audit
from api.commands.case import case
from api.commands.demo import demo, demo_stream
from api.commands.demo_issuer import demo_issuer
from api.commands.doctor import doctor
from api.commands.migrate import migrate
from api.commands.people import people
from api.commands.personal_data import personal_data
from api.commands.policy import policy
from api.commands.projections import projections
from api.commands.provider import provider
from api.commands.replay import replay
from api.commands.serve import serve
from api.commands.signals import signals
from api.commands.verify import verify
from api.commands.witness import witness
from api.commands.worker import worker

COMMANDS: tuple[click.Command, ...] = (
    demo,
    demo_stream,
    demo_issuer,
    serve,
    worker,
    migrate,
    doctor,
    replay,
    signals,
    case,
    adjustments,
    audit,
    verify,
    witness,
    people,
    personal_data,
    policy,
    projections,
    provider,
)
