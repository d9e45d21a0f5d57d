"""Evidence files: named by their digest, written once, attached to cases by that name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from infrastructure.evidence_store import EvidenceCorrupted, EvidenceStore
from tests.api.running_service import RunningService
from tests.api.signals import order_id, send, unavailable

PNG = b"\x89PNG\r\n\x1a\n and so on"


def upload(client: httpx2.Client, content: bytes, kind: str = "image/png") -> httpx2.Response:
    return client.post("/v1/evidence", content=content, headers={"Content-Type": kind})


def test_a_file_is_stored_under_the_digest_of_its_bytes(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        told = upload(ana, PNG)
        digest = hashlib.sha256(PNG).hexdigest()
        assert told.json() == {
            "ref": f"sha256:{digest}",
            "media_type": "image/png",
            "size": len(PNG),
        }
        again = upload(ana, PNG, "image/jpeg")  # the first content type stays
        assert again.json() == told.json()
        got = ana.get(told.headers["Location"])
        assert got.content == PNG
        assert got.headers["Content-Type"].startswith("image/png")
        assert got.headers["Content-Disposition"] == "attachment"
        assert ana.get(f"/v1/evidence/{'0' * 64}").status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "image/png", 400),
        (b"<script>", "text/html", 400),
        (b"x", "", 400),
        (b"x" * (25 << 20) + b"x", "text/plain", 413),
    ],
    ids=["empty", "a type that we do not keep", "no type", "too large"],
)
def test_an_unsupported_file_is_refused(
    server: RunningService, content: bytes, kind: str, status: int
) -> None:
    with server.client_as("ana") as ana:
        refused = upload(ana, content, kind)
        assert refused.status_code == status
        assert refused.headers["Content-Type"] == "application/problem+json"


def test_a_stored_file_is_attached_with_its_type_and_size(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        (touched,) = send(ana, unavailable(order_id())).json()["items"][0]["cases"]
        address = f"/v1/cases/{touched['case']}"
        ref = upload(ana, PNG + b"2").json()["ref"]
        etag = ana.get(address).headers["ETag"]
        body = {"ref": ref, "type": "photo", "media_type": "text/plain", "size": 1}
        done = ana.post(f"{address}/evidence", json=body, headers={"If-Match": etag})
        (evidence,) = done.json()["evidence"]
        assert (evidence["media_type"], evidence["size"]) == ("image/png", len(PNG) + 1)


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "//", "../../keys", "A" * 64, "1" * 63, "1" * 64 + "\n", "%2e"]
)
def test_a_text_that_is_not_a_digest_names_no_file(
    server: RunningService, name: str, tmp_path: Path
) -> None:
    ref = f"sha256:{name}"
    with server.client_as("ana") as ana:
        (touched,) = send(ana, unavailable(order_id())).json()["items"][0]["cases"]
        address = f"/v1/cases/{touched['case']}"
        headers = {"If-Match": ana.get(address).headers["ETag"]}
        asked = {"ref": ref, "type": "photo"}
        refused = ana.post(f"{address}/evidence", json=asked, headers=headers)
        assert refused.status_code in (404, 422), refused.text
        got = ana.get(f"/v1/evidence/{quote(name, safe='')}")
        assert got.status_code in (400, 404, 405, 422), got.text
    store = EvidenceStore(str(tmp_path))
    assert store.about(ref) is store.content(ref) is store.current_digest(ref) is None
    assert not store.is_erased(ref)
    assert not store.erase(ref)
    assert not [*tmp_path.iterdir()]


def test_a_changed_file_is_not_returned(tmp_path: Path) -> None:
    store = EvidenceStore(str(tmp_path))
    ref = store.put(b"as it was", "text/plain").ref
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".json"]
    file.write_bytes(b"as it never was")
    with pytest.raises(EvidenceCorrupted):
        store.content(ref)
