"""What a case is about, in words."""

from domain.cases.events import CaseAbout
from domain.orders.order_names import describe_order
from domain.orders.signal_body import given


def describe_subject(order: str, about: CaseAbout | None) -> str:
    """`order A-1001`, `LOST` from shopify-de (not in tracking), `the source shopify-de` or `payment pi_3`."""
    found = describe_about(about) if about is not None else ""
    return found or (f"order {name}" if (name := describe_order(order)) else "no order")


def describe_about(about: CaseAbout) -> str:
    """The same of a case about no order; empty if nothing is known."""
    source, code = given(about.source), given(about.code)
    if code is not None:
        return f"`{code}` from {source} (not in {given(about.table)})"
    if sources := given(about.sources):
        return f"the sources {', '.join(sources)}"
    if source is not None:
        return f"the source {source}"
    return " and ".join(
        f"{kind} {value}" for kind, value in (given(about.references) or {}).items()
    )
