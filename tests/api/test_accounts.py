"""What the API tells of accounts."""

from datetime import UTC, datetime

from trackerrms_contracts.profiles import AccountProfile, Finding

from bridge.store import profiles
from tests.api.service import Service

_PROFILE = "/v1/accounts/acme/profile"


async def test_a_profile_is_shown_once_it_is_learned(service: Service) -> None:
    assert (await service.admin("GET", _PROFILE)).status == 404
    finding = Finding(
        assumption="rows.jobs", verdict="refuted", evidence="rows are under items",
        key="rows.jobs", value="items", adopted=True,
    )  # fmt: skip
    learned = AccountProfile(
        learned_at=datetime.now(UTC), requests=3, resources=("jobs",), findings=(finding,)
    )
    await profiles.save_profile(service.parts.db, "acme", learned, host="one", basis=b"basis")
    shown = await service.admin("GET", _PROFILE)
    assert shown.status == 200
    assert shown.json["findings"] == [
        {"assumption": "rows.jobs", "verdict": "refuted", "evidence": "rows are under items",
         "key": "rows.jobs", "value": "items", "adopted": True}
    ]  # fmt: skip
    assert (await (await service.of("acme"))("GET", _PROFILE)).status == 404
    assert (await service.admin("GET", "/v1/accounts/globex/profile")).status == 404
