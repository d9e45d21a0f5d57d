"""Canaries: unique texts, planted wherever personal data can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from tests.api.signals import JsonObject, money, order_id, placed, send, signal, unavailable

IN_THE_CLEAR = "skukanarie"
"""Planted in a field that is not personal: a search must find this one."""
RESOLVED: JsonObject = {
    "reason": "substituted",
    "root_cause": "upstream_data",
    "evidence": ["wms/s-1"],
}


class Canaries:
    def __init__(self) -> None:
        self._mark = f"kanarie{uuid4().hex[:10]}"
        self.planted: list[str] = []

    def new_canary(self, where: str) -> str:
        text = f"{self._mark}{where}"
        self.planted.append(text)
        return text

    def in_bytes(self, content: bytes) -> list[str]:
        return [text for text in self.planted if text.encode() in content]

    def in_files(self, folders: Iterable[Path]) -> list[str]:
        """Each file that has a canary."""
        found = []
        for folder in folders:
            for file in folder.rglob("*"):
                if file.is_file() and not file.is_symlink():
                    content = file.read_bytes()
                    found += [f"{text} in {file}" for text in self.in_bytes(content)]
        return found


class CanaryOrder:
    """The order of one customer, from purchase to resolved case, with canaries in every personal
    field."""

    def __init__(self, shop: httpx2.Client, handler: httpx2.Client, canaries: Canaries) -> None:
        self.canaries = canaries
        self.order = order_id()
        self.customer = canaries.new_canary("customer")
        self.repeats: list[tuple[httpx2.Client, str, dict[str, Any]]] = []
        self.answers: list[httpx2.Response] = []
        sing = canaries.new_canary
        address = {
            "country_code": "BR",
            "country_area": "SP",
            "city": sing("city"),
            "postal_code": sing("postal"),
            "street_address": sing("street"),
            "name": sing("name"),
        }
        purchase = placed(
            self.order,
            customer={"id": self.customer, "tier": "gold"},
            lines=[{"sku": IN_THE_CLEAR, "price": money("10.00")}],
            ship_to=address,
        )
        self.signals: Sequence[JsonObject] = (
            purchase,
            signal("customer.message_received", self.order, channel="email", summary=sing("asked")),
            signal("customer.message_sent", self.order, channel="sms", summary=sing("told")),
            signal("warehouse.noted", self.order, note=sing("warehouse")),
            signal("return.requested", self.order, reason=sing("return")),
            unavailable(self.order),
        )
        answer = send(shop, *self.signals, Idempotency_Key=f"k-{self.order}")
        assert answer.status_code == 200, answer.text
        told = [case for item in answer.json()["items"] for case in item.get("cases", ())]
        self.cases = list(dict.fromkeys(case["case"] for case in told))
        self.case = next(one["case"] for one in told if one["kind"] == "stock_unavailable")
        self._work(handler)
        for case in self.cases:
            self.resolve(handler, case)

    def _work(self, handler: httpx2.Client) -> None:
        sing = self.canaries.new_canary
        content = sing("file").encode()
        kind = {"Content-Type": "text/plain"}
        uploaded = handler.post("/v1/evidence", content=content, headers=kind)
        self.file = uploaded.json()["ref"]
        self.command(handler, self.case, "claim")
        self.command(handler, self.case, "notes", note=sing("note"))
        evidence = {"ref": self.file, "type": "customer_communication", "title": sing("title")}
        self.command(handler, self.case, "evidence", **evidence)
        wait = {"dependency": "carrier", "party": "carrier", "note": sing("wait")}
        self.command(handler, self.case, "wait", **wait)
        self.command(handler, self.case, "resume", note=sing("resumed"))

    def resolve(self, handler: httpx2.Client, case: str) -> None:
        view = handler.get(f"/v1/cases/{case}").json()
        if view["state"] == "resolved":
            return
        if view["owner"] != "ana":
            self.command(handler, case, "claim")
        for task in view["tasks"]:
            if task["state"] in ("open", "overdue"):
                done = {"task": task["task"], "note": self.canaries.new_canary("task")}
                self.command(handler, case, "complete-task", **done)
        for hold in view["holds"]:
            if hold["released_at"] is None:
                let_go = {"hold": hold["hold"], "note": self.canaries.new_canary("hold")}
                self.command(handler, case, "release-hold", **let_go)
        # Policy asks for what the customer wrote.
        letter = {"ref": "wms/s-1", "type": "customer_communication"}
        self.command(handler, case, "evidence", **letter)
        self.command(
            handler, case, "resolve", **RESOLVED, note=self.canaries.new_canary("resolution")
        )

    def command(self, client: httpx2.Client, case: str, name: str, **body: Any) -> None:
        """Send a command with an idempotency key, so that its response is stored."""
        version = client.get(f"/v1/cases/{case}").json()["version"]
        headers = {"If-Match": f'"{version}"', "Idempotency-Key": uuid4().hex}
        content = {"content": json.dumps(body).encode()} if body else {}
        if body:
            headers["Content-Type"] = "application/json"
        request = {"headers": headers, **content}
        address = f"/v1/cases/{case}/{name}"
        answer = client.post(address, **request)
        assert answer.status_code == 200, f"{name}: {answer.text}"
        self.repeats.append((client, address, request))
        self.answers.append(answer)

    def addresses(self) -> Iterable[tuple[str, Mapping[str, str]]]:
        """Every address that shows the order, with the headers to read it."""
        plain: Mapping[str, str] = {}
        yield f"/v1/orders/{self.order}", plain
        yield f"/v1/orders/{self.order}/timeline", plain
        yield "/v1/orders?limit=200", plain
        yield "/v1/cases?limit=200", plain
        yield "/v1/events?limit=1000", plain
        yield "/v1/views/tasks", plain
        yield "/v1/views/flow", plain
        yield "/v1/approvals", plain
        for case in self.cases:
            for rest in ("", "/trail", "/packet", "/reperformance", "/clock", "?version=2"):
                yield f"/v1/cases/{case}{rest}", plain
            yield f"/v1/cases/{case}/diff?from=1", plain
            for kind in ("text/csv", "text/html"):
                yield f"/v1/cases/{case}/trail", {"Accept": kind}
