"""Alerts see the first of what they are for; that they fire and rest as they should is said by alerts.test.yml, for promtool."""

import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from tests.unit.deploy.test_metric_names import metrics_classes

ALERTS = Path(__file__).parents[3] / "deploy/observability/prometheus/alerts.yml"
INCREASE = re.compile(r"increase\((?P<series>(?P<name>\w+)(?:\{[^}]*\})?)\[(?P<window>\w+)\]\)")
ANY_AT_ALL = re.compile(r"> 0\Z")


def there_from_the_start() -> set[str]:
    """Series that a process shows before anything happened."""
    found = set()
    for kind, options in metrics_classes():
        registry = CollectorRegistry()
        kind(registry=registry, **options)
        found |= {sample.name for metric in registry.collect() for sample in metric.samples}
    return found


def test_an_alert_on_any_increase_at_all_sees_a_count_that_its_series_begins_with() -> None:
    start, asked = there_from_the_start(), []
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            expression = " ".join(rule["expr"].split())
            for found in INCREASE.finditer(expression) if ANY_AT_ALL.search(expression) else ():
                asked.append(rule["alert"])
                series, window = found["series"], found["window"]
                seen = f"or ({series} > 0 unless {series} offset {window})"
                assert found["name"] in start or seen in expression, rule["alert"]
    assert {"BrakeTripped", "DeadLetters", "LaneGaveUncovered", "LanesForsaken", "EdiNeedsSomebody"} <= set(asked)
