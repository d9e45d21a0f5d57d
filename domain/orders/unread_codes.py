"""The carriers' codes of signals that no mapping read."""

from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import DeliveryFailed, Scanned
from domain.orders.signal_body import given
from domain.orders.signals import Signal

NO_CARRIER = "a carrier without a name"


def unread_code_of(signal: Signal) -> tuple[str, str] | None:
    """The vocabulary that does not list the signal's code, and the code; None if it has none, or if it was read.

    The vocabulary is the mapping that the signal names, else that of its carrier.
    """
    # Every signal by API passes here.
    kind = type(signal)
    if kind is not Scanned and kind is not DeliveryFailed:
        return None
    assert isinstance(signal, Scanned | DeliveryFailed)
    if not signal.code or signal.mapping_version:
        return None
    if isinstance(signal, Scanned):
        is_unread = signal.status is ScanStatus.UNKNOWN
    else:
        is_unread = bool(signal.mapping) and signal.incident is None
    if not is_unread:
        return None
    refs = given(signal.refs)
    tracking = refs.tracking if refs is not None else None
    carrier = given(signal.carrier) or (tracking.carrier if tracking is not None else "")
    return signal.mapping or carrier or NO_CARRIER, signal.code
