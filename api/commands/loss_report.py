"""Prints what was lost, and what to do after a loss was accepted."""

import click

from api import terminal
from infrastructure.transparency.lost_tail import LossReport
from infrastructure.transparency.origins import AcceptedLoss


def print_report(report: LossReport) -> None:
    console = terminal.console(soft_wrap=True)
    many = report.last - report.kept
    console.print(
        f"{many} positions are missing: {report.kept + 1} to {report.last}. {report.kept} are left; those up to "
        f"{report.matched} are proven to be the ones that were signed or acknowledged."
    )
    console.print(_describe_proof(report))
    for one in report.statements[:20]:
        kind = "signed" if one.is_signed else "unsigned claim"
        console.print(f"  {one.size} positions ({kind}): {one.where}")
    if len(report.statements) > 20:
        console.print(f"  and {len(report.statements) - 20} more statements")
    console.print(
        f"known of the missing: {len(report.missing)} leaves, {len(report.commands)} commands"
    )
    for command in report.commands[:20]:
        console.print(f"  {command.position}: {command.principal}, Idempotency-Key {command.key}")
    if len(report.commands) > 20:
        console.print(f"  and {len(report.commands) - 20} more commands (--json lists all)")


def _describe_proof(report: LossReport) -> str:
    """How much of the loss is proven: heads and told sizes are not signed, and anybody who may write files or
    answer for a witness can make them up."""
    claimed = report.last - report.last_signed
    if not claimed:
        return f"All of them are proven by a signed checkpoint of {report.signed} positions."
    if report.last_signed == report.kept:
        return (
            f"NONE of them is proven: no signed checkpoint covers them. {claimed} are claimed by unsigned "
            "statements; find out whether these are genuine before you accept anything."
        )
    return (
        f"{report.last_signed - report.kept} are proven by a signed checkpoint of {report.signed} positions; {claimed} "
        "are claimed by unsigned statements alone."
    )


def print_accepted(loss: AcceptedLoss) -> None:
    event = loss.event
    click.echo(
        f"Accepted by {event.requested_by} and {event.confirmed_by}: position {loss.position} says so. The log "
        f"goes on as {event.origin}.\n"
        "What to do now:\n"
        "1. Give the key of this origin to witnesses and auditors: casetrail audit key\n"
        "2. Reconcile with the payment provider's statement: a payment may have been made whose events are lost "
        "(casetrail audit ask 18)\n"
        "3. Tell the senders of the lost commands and signals to send them again (casetrail audit ask 10)\n"
        "4. Attach lost events that turn up: casetrail log attach-lost --from FILE"
    )
