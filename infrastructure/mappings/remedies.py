"""What to do about signals that cannot be read."""

from collections.abc import Mapping as Dict
from collections.abc import Sequence

from domain.errors import Fault


def with_remedy(
    faults: Sequence[Fault], order: str, document: Dict[str, object]
) -> Sequence[Fault]:
    """The faults; of a signal without its order, with the expression that reads it from what the system sends."""
    if not order or "order" in document or document.get("refs"):
        return faults
    detail = (
        f"it names no order: the mapping reads the order from `{order}`, and nothing is there. Write the order "
        "there in the system that sends it"
    )
    return [Fault("/order", detail) if one.pointer == "/order" else one for one in faults]
