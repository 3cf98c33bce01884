"""The compose file, the images and the observability files say what the code says."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from pydantic_settings import BaseSettings

from libs.common.clock import SystemClock
from libs.common.http.credentials import Credentials

ROOT = Path(__file__).parents[3]
SERVICES = ("ingest", "profile", "offers", "inventory")
ROLES = {
    "ingest": {"migrate", "api", "worker"},
    "profile": {"migrate", "api", "worker", "learner"},
    "offers": {"migrate", "api", "worker"},
    "inventory": {"migrate", "api", "worker"},
}
OURS = {f"{service}-{role}" for service, roles in ROLES.items() for role in roles}
SECRET = re.compile(r"password|secret|token|_key", re.IGNORECASE)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="module")
def containers(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = compose["services"]
    return services


def test_the_compose_file_fits_the_compose_specification() -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            ROOT / "docker-compose.yml",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_folder_of_services_is_deployed_in_all_its_roles(containers: dict[str, dict[str, Any]]) -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if (path / "domain").is_dir()}
    assert folders == set(ROLES)
    assert {name for name, container in containers.items() if "build" in container} == OURS
    for name in OURS:
        service, _, role = name.partition("-")
        container = containers[name]
        assert container["image"] == f"the-usual/{service}"
        assert container["build"] == {"context": ".", "dockerfile": f"services/{service}/Dockerfile"}
        assert container["command"] == [role]
        assert f"//usual_{service}:" in container["environment"]["USUAL_DATABASE_URL"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_role_of_the_compose_file_is_one_that_the_service_has(service: str) -> None:
    source = (ROOT / "services" / service / "__main__.py").read_text()
    assert all(f'"{role}"' in source for role in ROLES[service])


def test_nothing_of_ours_starts_before_what_it_needs(containers: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        needs = containers[name]["depends_on"]
        if name.endswith("-migrate"):
            assert {need: how["condition"] for need, how in needs.items()} == {
                "postgres": "service_healthy",
                "kafka": "service_healthy",
            }
            assert containers[name]["restart"] == "no"
        else:
            migrated = {need for need, how in needs.items() if how["condition"] == "service_completed_successfully"}
            wanted = {"ingest"} if name == "ingest-api" else set(SERVICES)
            assert migrated == {f"{service}-migrate" for service in wanted}


def test_every_lasting_container_is_watched_and_comes_back(containers: dict[str, dict[str, Any]]) -> None:
    for name, container in containers.items():
        if not name.endswith("-migrate"):
            assert "healthcheck" in container, name
            assert container["restart"] == "unless-stopped", name


def test_our_containers_have_no_more_rights_than_they_need(containers: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        container = containers[name]
        assert container["read_only"]
        assert container["cap_drop"] == ["ALL"]
        assert container["security_opt"] == ["no-new-privileges:true"]


def test_ports_are_open_on_the_loopback_address_only(containers: dict[str, dict[str, Any]]) -> None:
    ports = [port for container in containers.values() for port in container.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_into_the_compose_file(
    compose: dict[str, Any], containers: dict[str, dict[str, Any]]
) -> None:
    for name, container in containers.items():
        for variable, content in container.get("environment", {}).items():
            if SECRET.search(variable) or ("://" in str(content) and "@" in str(content)):
                assert str(content).startswith("/run/secrets/") or "PASSWORD:?" in content, (name, variable)
    assert all(secret["file"].startswith("./var/") for secret in compose["secrets"].values())
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"var/", ".env"} <= set(ignored)


def test_every_variable_of_the_compose_file_has_a_default_or_is_in_the_example() -> None:
    example = dict(
        line.split("=", 1) for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"[A-Z_]+=", line)
    )
    used = re.findall(r"\$\{([A-Z_]+)(:[-?])", (ROOT / "docker-compose.yml").read_text())
    assert used
    assert {name for name, _ in used} <= set(example)
    assert all(not content for name, content in example.items() if SECRET.search(name)), "the example holds a secret"


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_compose_file_gives_every_setting_that_is_needed_and_none_that_is_not_one(
    containers: dict[str, dict[str, Any]], name: str
) -> None:
    settings: type[BaseSettings] = import_module(f"services.{name.partition('-')[0]}.settings").Settings
    fields = {f"USUAL_{field.upper()}": about for field, about in settings.model_fields.items()}
    given = containers[name]["environment"]
    assert set(given) <= set(fields)
    assert {variable for variable, about in fields.items() if about.is_required()} <= set(given)
    secrets = {path.removeprefix("/run/secrets/") for path in given.values() if str(path).startswith("/run/secrets/")}
    assert secrets == set(containers[name].get("secrets", []))


def test_the_keys_are_mounted_as_a_folder_so_that_a_replaced_file_is_seen(
    containers: dict[str, dict[str, Any]],
) -> None:
    for name in OURS:
        container = containers[name]
        file = container["environment"]["USUAL_CREDENTIALS_FILE"]
        mounts = [mount.split(":") for mount in container.get("volumes", [])]
        seen = [source for source, target, *mode in mounts if file == f"{target}/credentials.json" and mode == ["ro"]]
        assert seen == ["./var/compose/keys"] or name.endswith("-migrate"), name


def test_the_broker_is_the_one_that_the_tests_run_on(containers: dict[str, dict[str, Any]]) -> None:
    pom = ET.parse(ROOT / "deploy/kafka/pom.xml")  # noqa: S314 - our own file
    version = pom.findtext(".//{*}kafka.version")
    assert containers["kafka"]["image"] == f"apache/kafka:{version}"


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_one_service_and_runs_without_rights(service: str) -> None:
    lines = (ROOT / "services" / service / "Dockerfile").read_text().splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all(stage.startswith("FROM python:3.11-slim") for stage in stages)
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in last if line.startswith("USER ")]
    assert users
    assert all(user.split(":")[0].isdigit() and int(user.split(":")[0]) > 0 for user in users)
    assert f'ENTRYPOINT ["python", "-m", "services.{service}"]' in last
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    assert copied == [
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "libs",
        "services/__init__.py",
        f"services/{service}",
    ]
    assert any(f'pip install -c constraints.txt ".[{service}]"' in line for line in lines)
    missing = {word for word in copied if not (ROOT / word).exists()}
    assert not missing


def test_what_an_image_copies_is_in_its_context() -> None:
    kept = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert kept == {"pyproject.toml", "constraints.txt", "README.md", "libs", "services"}


def test_prometheus_asks_every_lasting_process_of_ours() -> None:
    asked = yaml.safe_load((ROOT / "deploy/observability/prometheus/prometheus.yml").read_text())
    targets = {
        (target, group["labels"]["service"], group["labels"]["role"])
        for group in asked["scrape_configs"][0]["static_configs"]
        for target in group["targets"]
    }
    lasting = {name for name in OURS if not name.endswith("-migrate")}
    assert targets == {(f"{name}:8080", *name.split("-")) for name in lasting}


def test_every_alert_has_a_case_that_fires_it_and_one_that_does_not() -> None:
    folder = ROOT / "deploy/observability/prometheus"
    rules = yaml.safe_load((folder / "alerts.yml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    cases = yaml.safe_load((folder / "alerts.test.yml").read_text())["tests"]
    quiet = {case["alertname"] for case in cases[0]["alert_rule_test"]}
    fired = next(test["exp_samples"] for test in cases[2]["promql_expr_test"])
    assert quiet == set(alerts)
    assert fired == [{"value": len(alerts)}]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """What prepares a checkout, in one of its own."""
    (tmp_path / "deploy/compose").mkdir(parents=True)
    script = tmp_path / "deploy/compose/prepare.sh"
    script.write_text((ROOT / "deploy/compose/prepare.sh").read_text())
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    return script


def test_preparing_that_was_broken_off_leaves_nothing_by_half(tmp_path: Path, script: Path) -> None:
    # What a full disk does, at three places: no file at all, none longer than a secret, none as long as that of the keys.
    for blocks in (0, 1, 2):
        limited = f"ulimit -f {blocks}; exec sh {script}"
        assert subprocess.run(["sh", "-c", limited], capture_output=True, check=False).returncode != 0, blocks
    assert subprocess.run(["sh", script], capture_output=True, check=False).returncode == 0
    secrets = {path.name: path.read_text() for path in (tmp_path / "var/compose").iterdir() if path.is_file()}
    assert {name: len(secret) for name, secret in secrets.items() if name != "service_key"} == dict.fromkeys(
        ("postgres_password", "grafana_password", "voucher_key", "pseudonym_key", "key_encryption_key", "webhook_key"),
        64,
    )
    assert len((tmp_path / ".env").read_text().splitlines()) == len((ROOT / ".env.example").read_text().splitlines())
    credentials = Credentials(tmp_path / "var/compose/keys/credentials.json", SystemClock())
    assert credentials.authenticate(secrets["service_key"]).key_id == "profile"


def test_preparing_makes_every_file_that_the_compose_file_wants_and_keys_that_open_the_doors(
    tmp_path: Path, script: Path, compose: dict[str, Any]
) -> None:
    said = subprocess.run(["sh", script], capture_output=True, text=True, check=True).stdout
    assert all((tmp_path / secret["file"]).is_file() for secret in compose["secrets"].values())
    passwords = re.findall(r"^USUAL_([A-Z]+)_DB_PASSWORD=\w{64}$", (tmp_path / ".env").read_text(), re.MULTILINE)
    assert {name.lower() for name in passwords} == set(SERVICES)
    keys = dict(line.split() for line in said.splitlines() if " tk_" in line)
    credentials = Credentials(tmp_path / "var/compose/keys/credentials.json", SystemClock())
    assert all(credentials.authenticate(key).key_id == caller for caller, key in keys.items())
    files = [path for path in (tmp_path / "var/compose").rglob("*") if path.is_file()]
    made = {path: path.read_bytes() for path in [tmp_path / ".env", *files]}
    again = subprocess.run(["sh", script], capture_output=True, text=True, check=True).stdout
    assert not again
    assert {path: path.read_bytes() for path in made} == made, "a second run changed a secret"


def test_the_dashboard_is_found_by_grafana_and_asks_the_data_source_that_is_there() -> None:
    folder = ROOT / "deploy/observability/grafana"
    (source,) = yaml.safe_load((folder / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    (dashboard,) = [json.loads(path.read_text()) for path in (folder / "dashboards").glob("*.json")]
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
