"""Collects the findings about one account, and applies adopted settings to the client at once."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from trackerrms_contracts.profiles import Finding, Verdict

from bridge.tracker import assumptions, profile, resources
from bridge.tracker.client import Client
from bridge.tracker.schema import Resources


class Findings:
    """The findings so far, only about listed assumptions (``bridge.tracker.assumptions``).

    ``configured`` is the operator's table, which overrides what is learned. ``earlier`` holds the findings
    made before with the same configuration.
    """

    def __init__(
        self,
        client: Client,
        configured: Mapping[str, Any],
        where: str,
        *,
        adopting: bool,
        earlier: Iterable[Finding] = (),
    ) -> None:
        self._adopting = adopting
        self._client = client
        self._configured = configured
        self._where = where
        # Adopted settings stay until another finding replaces them: a list that agrees with one proves it.
        self._found = {one.assumption: one for one in earlier if one.adopted and adopting}
        if self._found:
            client.adopt(self._settings())

    @property
    def all(self) -> tuple[Finding, ...]:
        """Return the findings in the order of discovery."""
        return tuple(self._found.values())

    def has(self, assumption: str) -> bool:
        """Return true if there is a finding about the assumption."""
        return assumption in self._found

    def is_configured(self, key: str) -> bool:
        """Return true if the operator has set the key."""
        return _dug(self._configured, key) is not None

    def prove(self, assumption: str, evidence: str, key: str | None = None, value: Any = None) -> None:
        """Record that the account is as assumed. An adopted setting stays, with this as its evidence."""
        before = self._found.get(assumption)
        if before is not None and before.adopted:
            self._found[assumption] = msgspec.structs.replace(before, evidence=evidence)
            return
        self._note(assumption, "proved", evidence, key, value)

    def leave_open(self, assumption: str, evidence: str, key: str | None = None) -> None:
        """Record that nothing could be determined. An adopted setting stays."""
        if assumption in self._found and self._found[assumption].adopted:
            return
        self._note(assumption, "unknown", evidence, key, None)

    def ask(self, assumption: str, evidence: str, key: str | None = None, value: Any = None) -> None:
        """Record that the account is not as assumed, and that the operator must set the right value."""
        self._note(assumption, "refuted", evidence, key, value)

    def adopt(self, assumption: str, evidence: str, key: str, value: Any) -> None:
        """Record the setting that the account needs, and use it from now on. If the operator has set the key
        to another value, record a question instead."""
        configured = _dug(self._configured, key)
        if configured is not None and configured != value:
            said = f"{evidence}; bridge.toml sets {key} = {profile.as_toml(configured)}"
            self.ask(assumption, said, key, value)
            return
        if not self._adopting:
            self.ask(assumption, f"{evidence}; the integration's learn is false", key, value)
            return
        finding = Finding(
            assumption=assumption, verdict="refuted", evidence=evidence, key=key, value=value, adopted=True
        )
        self._keep(finding)
        self._client.adopt(self._settings())

    def with_setting(self, key: str, value: Any) -> Resources:
        """Return the settings with one more key, to try it."""
        return self._settings((key, value))

    def _note(self, assumption: str, verdict: Verdict, evidence: str, key: str | None, value: Any) -> None:
        self._keep(Finding(assumption=assumption, verdict=verdict, evidence=evidence, key=key, value=value))

    def _keep(self, finding: Finding) -> None:
        if finding.assumption not in assumptions.assumptions_by_name():
            raise AssertionError(f"{finding.assumption} is not listed in bridge.tracker.assumptions")
        self._found[finding.assumption] = finding

    def _settings(self, *more: tuple[str, Any]) -> Resources:
        learned = [(f.key, f.value) for f in self.all if f.adopted and f.key is not None]
        return resources.configure_resources(self._configured, self._where, profile.nested([*learned, *more]))


def _dug(table: Any, key: str) -> Any:
    for name in key.split("."):
        table = table.get(name) if isinstance(table, Mapping) else None
    return table
