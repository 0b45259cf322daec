"""compose.yaml, its secrets, and the dashboard: they fit each other and what the service knows."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import REGISTRY

from frontdesk import metrics
from frontdesk.events.parts import broker_of
from frontdesk.events.postgres import PostgresBroker
from frontdesk.ops.figures import FIGURES
from frontdesk.ports.broker import Broker
from frontdesk.ports.broker.kafka import KafkaBroker
from frontdesk.ports.broker.rabbit import RabbitBroker
from frontdesk.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
WANTED = {"migrate", "app", "worker", "postgres", "redis", "kafka", "rabbitmq", "prometheus", "grafana"}

VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")
"""As Compose writes it: `${NAME}`, `${NAME:-otherwise}`, `${NAME:?complaint}`."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return read


def environment(*words: str) -> dict[str, str]:
    """What deploy/make-env writes, read as Compose reads it."""
    written = subprocess.run([DEPLOY / "make-env", *words], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = {}
    for line in written.splitlines():
        name, _, value = line.partition("=")
        found[name] = filled(value, found)
    return found


def filled(text: str, values: dict[str, str]) -> str:
    return VARIABLE.sub(lambda match: values.get(match[1]) or _otherwise(match), text)


def _otherwise(match: re.Match[str]) -> str:
    assert ":-" in match[0], f"{match[1]} has no value and no default"
    return match[2]


def test_each_program_is_there_and_pinned(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == WANTED
    for name, service in compose["services"].items():
        if service["image"] == "frontdesk":
            continue
        _, _, tag = service["image"].partition(":")
        assert re.match(r"v?\d+\.\d", tag), f"{name} takes whatever version comes"
    for stage in re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        assert re.search(r":\d+\.\d+\.\d+", stage)


def test_what_is_named_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= WANTED
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in compose["volumes"], volume
    targets = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    assert targets == [{"targets": ["app:8000"]}]


def test_only_the_service_and_the_dashboard_are_reached_and_from_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"app": ["127.0.0.1:8000:8000"], "grafana": ["127.0.0.1:3000:3000"]}


@pytest.mark.parametrize(
    ("word", "kind"), [((), PostgresBroker), (("kafka",), KafkaBroker), (("rabbitmq",), RabbitBroker)]
)
def test_the_settings_are_right_for_production(
    compose: dict[str, Any], word: tuple[str, ...], kind: type[Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = environment(*word)
    for name, value in compose["services"]["app"]["environment"].items():
        monkeypatch.setenv(name, filled(value, values))
    config = Settings()
    assert config.env == "production"
    assert isinstance(broker_of(config, ["notifications"]), kind)
    assert {"kafka", "rabbitmq"} & set(values["COMPOSE_PROFILES"].split(",")) == set(word)
    for name in word:
        assert compose["services"][name]["profiles"] == [name]


def test_every_secret_is_new_and_none_is_in_the_files(compose: dict[str, Any]) -> None:
    first, second = environment(), environment()
    secrets = {name for name in first if name.endswith(("_SECRET", "_PASSWORD"))}
    assert len({*(first[name] for name in secrets), *(second[name] for name in secrets)}) == 2 * len(secrets)
    text = (ROOT / "compose.yaml").read_text()
    for line in (line.partition("#")[0] for line in text.splitlines()):
        if re.search(r"(?i)(password|_pass|secret|requirepass)", line):
            assert re.search(r"\$\{(\w+):\?", line), line
    assert {match[1] for match in VARIABLE.finditer(text)} <= set(first)


def test_each_metric_is_documented() -> None:
    text = (ROOT / "docs/deploying.md").read_text()
    own = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    assert own
    families = [family for each in own for family in each.collect()]
    names = {each.name + ("_total" if each.type == "counter" else "") for each in families} | set(FIGURES)
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_the_dashboard_asks_for_what_the_service_counts() -> None:
    dashboard = json.loads((DEPLOY / "grafana/dashboards/frontdesk.json").read_text())
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert metrics.REQUESTS  # importing it registers them all
    known = {name for collector in list(REGISTRY._collector_to_names.values()) for name in collector} | set(FIGURES)
    words = {"sum", "by", "le", "rate", "increase", "histogram_quantile", "topk", "or", "vector", "status", "route"}
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == source["uid"]
        for target in panel["targets"]:
            bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", target["expr"])
            asked = set(re.findall(r"[a-z_]{2,}", bare)) - words - {"policy", "kind", "channel", "reader"}
            assert asked, panel["title"]
            assert asked <= known, panel["title"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
