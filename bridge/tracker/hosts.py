"""The hosts of an account's region. The two generations of the API spell the region's letters differently."""

from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from bridge.config import IntegrationConfig

Generation = Literal["rest", "widget"]

_REST = {"us": "evousapi", "ca": "evocaapi", "uk": "evoglapi", "row": "evoglapi"}
_WIDGET = {"us": "evoapius", "ca": "evoapica", "uk": "evoapi", "row": "evoapi"}


class Hosts(Struct, frozen=True, kw_only=True):
    """The two base URLs of one account, without a trailing slash. ``told_by`` names the setting they come
    from."""

    rest: str
    widget: str
    told_by: str
    others: str

    def url(self, generation: Generation, path: str) -> str:
        """Return the URL of a path that starts with ``/``."""
        return (self.rest if generation == "rest" else self.widget) + path

    @property
    def where(self) -> str:
        """Return the REST host and the setting it comes from, for messages."""
        return f"{urlsplit(self.rest).netloc} ({self.told_by})"

    @property
    def advice(self) -> str:
        """Return what to try if the host is wrong."""
        return (
            f"check the address you see after logging in to TrackerRMS, and {self.others} in this "
            "integration's configuration"
        )


def hosts_of(config: IntegrationConfig) -> Hosts:
    """Return the hosts of an integration: its ``base_url`` for both, or those of its region."""
    if config.base_url is not None:
        base = config.base_url.rstrip("/")
        return Hosts(
            rest=base,
            widget=base,
            told_by="base_url",
            others="set base_url to the REST API's own address, or region instead (us, ca, uk, row)",
        )
    region = config.region or "row"
    others = ", ".join(other for other in ("us", "ca", "uk") if _REST[other] != _REST[region])
    return Hosts(
        rest=f"https://{_REST[region]}.tracker-rms.com",
        widget=f"https://{_WIDGET[region]}.tracker-rms.com",
        told_by=f"region {region}",
        others=f"try region {others}",
    )
