"""The files of deploy/ name what is there, and only settings that the manual knows."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from realtime.management.commands.serve import Command as Serve
from soak.machine import allocator

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
# Of the units and scripts themselves, not of the site.
ALLOCATOR = {"PYTHONMALLOC": "malloc", "LD_PRELOAD": "libjemalloc.so.2"}
OWN = {"WORKERS", "BACKUP_DIR", "PATH", "PGPASSWORD", "PYTHONUNBUFFERED", *ALLOCATOR}


def documented() -> set[str]:
    text = (ROOT / "docs/settings.md").read_text()
    return set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))


def lines(unit: Path) -> list[tuple[str, str]]:
    found = re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE)
    return [(key, value.replace("/opt/chatsite", str(ROOT))) for key, value in found]


def values(unit: Path, key: str) -> list[str]:
    return [value for name, value in lines(unit) if name == key]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_commands_of_a_unit_are_there_and_its_variables_known(unit: Path) -> None:
    for name, value in lines(unit):
        if name.startswith("Exec"):
            program, *words = shlex.split(value)
            assert shutil.which(program), program
            if "manage.py" in words:
                options = [word.replace("${WORKERS}", "2") for word in words[2:]]
                Serve().create_parser("manage.py", words[1]).parse_args(options)
        if name == "Environment":
            assert {part.partition("=")[0] for part in value.split()} <= documented() | OWN


def test_the_service_and_the_image_have_the_allocator_with_which_a_soak_measures() -> None:
    assert allocator() in (ALLOCATOR, {})  # the library is not everywhere
    in_the_service = " ".join(values(DEPLOY / "systemd/chatsite.service", "Environment")).split()
    for key, value in ALLOCATOR.items():
        assert f"{key}={value}" in in_the_service
        assert f"\t{key}={value} \\\n" in DOCKERFILE
    assert "libjemalloc2" in DOCKERFILE


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/chatsite", str(ROOT))
        (tmp_path / unit.name).write_text(text)
    verified = subprocess.run(  # noqa: S603 - ours
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about_ours = [line for line in verified.stderr.splitlines() if "chatsite" in line]
    assert about_ours == []


def test_the_service_takes_systemds_socket_reloads_on_sighup_and_is_not_root() -> None:
    service = DEPLOY / "systemd/chatsite.service"
    assert values(service, "Requires") == ["chatsite.socket"]
    assert values(service, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert values(service, "User") == ["chatsite"]
    assert int(values(service, "TimeoutStopSec")[0]) > 30  # the workers' grace
    assert int(values(service, "LimitNOFILE")[0]) >= 65536
    for hardened in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictNamespaces"):
        assert values(service, hardened) == ["yes"]
    assert values(DEPLOY / "systemd/chatsite.socket", "ListenStream") == ["127.0.0.1:8000"]


def test_the_environment_file_names_documented_variables_and_no_secret() -> None:
    text = (DEPLOY / "chatsite.env").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert set(given) <= documented()
    assert given["SECRET_KEY"] == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_can_be_read_and_run(script: Path) -> None:
    assert script.stat().st_mode & 0o111 == 0o111
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=60)  # noqa: S603, S607 - ours


# --- containers ---

DOCKERFILE = (DEPLOY / "docker/Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())


def copied() -> set[str]:
    return set(re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE))


def test_every_source_of_the_image_is_there_and_reaches_the_builder() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert copied() == set(allowed)
    assert all((ROOT / source).exists() for source in copied())
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    assert set(packages) <= copied()


def test_the_image_does_not_run_as_root_and_says_how_it_is() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER chatsite$", last_stage, re.MULTILINE)
    assert "HEALTHCHECK" in last_stage
    assert "/readyz" in last_stage


def test_the_services_name_documented_variables_and_what_is_there() -> None:
    app = COMPOSE["services"]["app"]
    assert set(app["environment"]) <= documented() | OWN
    in_the_image = re.findall(r"^(?:ENV)?\s+([A-Z_]+)=\S+ *\\?$", DOCKERFILE, re.MULTILINE)
    assert {"STATE_DIR", "STATIC_ROOT"} <= set(in_the_image) <= documented() | OWN
    here = DEPLOY / "docker"
    assert (here / app["build"]["context"] / app["build"]["dockerfile"]).is_file()
    named = set(COMPOSE["volumes"])
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in named or (here / source).is_file(), source


def test_any_password_will_do_for_the_compose_files_database() -> None:
    """In a URL, `/` and `+` of `openssl rand -base64` would mean something else."""
    environment = COMPOSE["services"]["app"]["environment"]
    assert "PASSWORD" not in environment["DATABASE_URL"]
    assert environment["PGPASSWORD"].startswith("${POSTGRES_PASSWORD")


# --- the manual ---


def test_certificates_are_renewed_while_nginx_has_the_port_and_are_used_then() -> None:
    manual = (ROOT / "docs/deploy.md").read_text()
    (asked,) = re.findall(r"^certbot certonly (.*)$", manual, re.MULTILINE)
    words = shlex.split(asked)
    assert "--standalone" not in words
    served = re.findall(
        r"location /.well-known/acme-challenge/ {\s+root (\S+);",
        (DEPLOY / "nginx/chatsite.conf").read_text(),
    )
    assert words[words.index("--webroot") + 1 :][:2] == ["-w", *served]
    assert words[words.index("--deploy-hook") + 1] == "systemctl reload nginx"


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", *sorted(ROOT.glob("soak/**/*.py"))],
    ids=lambda path: path.name,
)
def test_nobody_is_told_to_install_a_package_of_our_name(path: Path) -> None:
    """The name is not ours where packages are published."""
    assert not re.search(r"pip install[^\n]*\bchatsite\b", path.read_text())


def test_the_compose_files_site_waits_for_its_database_and_drains_when_it_ends() -> None:
    app = COMPOSE["services"]["app"]
    assert app["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert app["stop_grace_period"] == "40s"
    assert app["ulimits"]["nofile"] >= 65536
