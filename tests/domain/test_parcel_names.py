"""A tracking code names the same parcel however it is written."""

from __future__ import annotations

import pytest

from domain.orders.facts import facts_of
from domain.orders.shipment_signals import Delivered, HandedOver, LabelCreated
from domain.orders.signal_body import Refs, TrackingRef
from tests.domain.signals import placed, signal_fields


@pytest.mark.parametrize("written", ["KM3", "km3", "K M3", "K-M3", " KM 3 "])
@pytest.mark.parametrize("by_refs", [True, False])
def test_one_code_in_several_spellings_is_one_parcel(written: str, by_refs: bool) -> None:
    code = {"tracking": written.strip()}
    if by_refs:
        code = {"refs": Refs(tracking=TrackingRef(code=written.strip(), carrier="gls"))}
    signals = [
        placed(),
        HandedOver(**signal_fields(20, "over", shipment="P1", carrier="gls", tracking="KM3")),
        Delivered(**signal_fields(40, "there", **code)),
    ]
    for told in (signals, signals[::-1]):
        (parcel,) = facts_of(told).goods.parcels
        assert (parcel.id, parcel.delivered_at) == ("P1", signals[2].event_time)


def test_a_parcel_without_a_shipment_has_the_code_as_it_was_first_told() -> None:
    signals = [
        LabelCreated(**signal_fields(10, "label", carrier="gls", tracking="K-M3")),
        HandedOver(**signal_fields(20, "over", tracking="KM 3")),
    ]
    for told in (signals, signals[::-1]):
        (parcel,) = facts_of(told).goods.parcels
        assert parcel.id == "gls:K-M3"
        assert parcel.handed_over_at == signals[1].event_time
