"""What docs/deploy.md says of restoring, run as it stands: the site's user finds its data again."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from soak.services import PostgresServer, postgres_program
from tests.e2e.workers import ROOT, Site

MANUAL = (ROOT / "docs/deploy.md").read_text()
NOBODY = 65534
# As systemd does it: the environment of the unit and no other, its user, its directory.
SYSTEMD_RUN = f"""#!{sys.executable}
import os, sys, warnings  # os wants the last one when it is too late to load it
words, environment, directory = sys.argv[1:], {{"PATH": os.environ["PATH"]}}, "/"
while words[0].startswith("--"):
    name, _, value = words.pop(0).partition("=")
    if name == "--working-directory":
        directory = value
    elif name == "--setenv":
        environment |= [value.split("=", 1)]
    elif value.startswith("EnvironmentFile="):
        lines = open(value.partition("=")[2]).read().splitlines()
        environment |= [line.split("=", 1) for line in lines]
os.chdir(directory)
if user := int(os.environ["SITES_USER"]):
    os.setgid(user)
    os.setuid(user)
os.execvpe(words[0], words, environment)
"""
SU = '#!/bin/sh\nexec "$PSQL" --quiet --set=ON_ERROR_STOP=1 --dbname="$ADMIN_URL"\n'
SYSTEMCTL = '#!/bin/sh\necho "$@" >> "$TOLD"\n'


def blocks() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", MANUAL, re.DOTALL | re.MULTILINE)


def block_with(*texts: str) -> str:
    (found,) = [block for block in blocks() if all(text in block for text in texts)]
    return found


class Machine:
    """The paths of the manual below a directory, and what stands in for systemd."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.user = NOBODY if os.geteuid() == 0 else 0
        for name in ("opt/chatsite", "etc/chatsite", "var/lib/chatsite", "var/backups/chatsite"):
            (home / name).mkdir(parents=True)
        shutil.copytree(ROOT / "deploy", home / "opt/chatsite/deploy")
        programs = {"systemd-run": SYSTEMD_RUN, "su": SU, "systemctl": SYSTEMCTL}
        (home / "bin").mkdir()
        for name, text in programs.items():
            program = home / "bin" / name
            program.write_text(text)
            program.chmod(0o755)
        (home / "bin/pg_restore").symlink_to(postgres_program("pg_restore"))

    @property
    def state(self) -> Path:
        return self.home / "var/lib/chatsite"

    @property
    def told(self) -> list[str]:
        """What systemctl was asked for."""
        return (self.home / "told").read_text().splitlines()

    def belongs_to_the_site(self) -> None:
        for name in ("var/lib/chatsite", "var/backups/chatsite"):
            for path in [self.home / name, *(self.home / name).iterdir()]:
                os.chown(path, self.user or -1, self.user or -1)

    def run(self, script: str, *, database_url: str = "", admin_url: str = "") -> None:
        url = f"DATABASE_URL={database_url}\n" if database_url else "LOG_LEVEL=INFO\n"
        (self.home / "etc/chatsite/chatsite.env").write_text(url)
        script = f"set -e\n{block_with('as_site() {')}\n{script}"
        script = re.sub(r"/(?=(opt|etc|var/lib|var/backups)/chatsite)", f"{self.home}/", script)
        subprocess.run(  # noqa: S603 - our own manual
            ["sh", "-c", script],  # noqa: S607 - the system's own
            cwd=self.home / "opt/chatsite",
            env={
                "PATH": f"{self.home}/bin:/usr/bin:/bin",
                "SITES_USER": str(self.user),
                "TOLD": str(self.home / "told"),
                "PSQL": postgres_program("psql"),
                "ADMIN_URL": admin_url,
            },
            check=True,
            timeout=120,
        )


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Not under pytest's own directories, which only their owner may enter."""
    home = Path(tempfile.mkdtemp(prefix="chatsite-machine-"))
    home.chmod(0o755)
    yield Machine(home)
    shutil.rmtree(home)


def rooms(site: Site) -> list[str]:
    return sorted(slug for (slug,) in site.select("SELECT slug FROM chat_room"))


def test_sqlite_comes_back_where_the_service_reads_it_and_is_the_services_own(
    machine: Machine, small_site: Site
) -> None:
    backups = machine.home / "var/backups/chatsite"
    file = small_site.run(str(ROOT / "deploy/backup.sh"), str(backups)).strip()
    database = machine.state / "db.sqlite3"
    database.write_text("what is to go")
    machine.belongs_to_the_site()
    steps = block_with("restore.sh", ".sqlite3")
    machine.run(re.sub(r"chatsite-\w+\.sqlite3", Path(file).name, steps))
    restored = Site(machine.state, database_url=f"sqlite:///{database}")
    assert rooms(restored) == rooms(small_site) != []
    found = database.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (machine.user or os.geteuid(), 0o600)
    assert (machine.state / "old/db.sqlite3").read_text() == "what is to go"
    assert machine.told == ["stop chatsite.socket chatsite", "start chatsite.socket chatsite"]


def test_postgresql_comes_back_under_its_own_name(
    machine: Machine, large_site: Site, postgres: PostgresServer
) -> None:
    url = postgres.create_database(f"lost{id(machine)}")
    name = urlsplit(url).path[1:]
    backups = str(machine.home / "var/backups/chatsite")
    programs = {"PG_DUMP": postgres_program("pg_dump")}
    file = large_site.run(str(ROOT / "deploy/backup.sh"), backups, **programs).strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE what_is_to_go ()")
    machine.belongs_to_the_site()
    steps = re.sub(r"chatsite-\w+\.dump", Path(file).name, block_with("restore.sh", ".dump"))
    steps = re.sub(
        r"DATABASE chatsite RENAME TO chatsite", f"DATABASE {name} RENAME TO {name}", steps
    )
    steps = re.sub(r"CREATE DATABASE chatsite", f"CREATE DATABASE {name}", steps)
    machine.run(steps, database_url=url, admin_url=postgres.url("postgres"))
    restored = Site(machine.state, database_url=url)
    assert rooms(restored) == rooms(large_site) != []
    assert restored.select("SELECT to_regclass('what_is_to_go')") == [(None,)]
