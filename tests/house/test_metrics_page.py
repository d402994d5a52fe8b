"""The page on metrics: its alert rules ask for metrics that exist, and every metric answers a question."""

import re

import pytest
import yaml

from bridge import metrics
from tests import pages

PAGE = "docs/metrics.md"
(RULES,) = [yaml.safe_load(block) for block in pages.blocks(PAGE, "yaml")]
EXPRESSIONS = {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}
METRICS = {name: (kind, labels) for name, kind, labels, _ in metrics.documented()}


def test_an_alert_asks_for_metrics_and_labels_that_exist(subtests: pytest.Subtests) -> None:
    for alert, expression in EXPRESSIONS.items():
        with subtests.test(alert):
            asked = re.findall(r"(bridge_\w+)(?:\{(\w+)=)?", expression)
            assert asked
            for name, label in asked:
                kind, labels = METRICS[re.sub("_(bucket|count)$", "", name)]
                assert (kind == "histogram") == name.endswith(("_bucket", "_count"))
                assert label in ("", *labels)
            by = re.search(r"by \((.*?)\)", expression)
            grouped = set(by[1].split(", ")) if by else set()
            known = {"le"}.union(*(METRICS[re.sub("_(bucket|count)$", "", n)][1] for n, _ in asked))
            assert grouped <= known


def test_every_metric_answers_a_question() -> None:
    named = set(
        re.findall(r"bridge_\w+", " ".join(cell for row in pages.rows(PAGE, "question") for cell in row))
    )
    named = {re.sub("_count$", "", name) for name in named}
    assert METRICS.keys() - named == set(), f"{PAGE}, Questions: add the question that these metrics answer"
    assert named - METRICS.keys() == set(), f"{PAGE}, Questions: no such metrics exist"
