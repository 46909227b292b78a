"""A backup that is made while people talk is whole, and can be talked in again."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from soak.services import PostgresServer, postgres_program
from tests.e2e.client import PATIENCE, Socket
from tests.e2e.conftest import Served
from tests.e2e.workers import ROOT, Site, Worker

BACKUP, RESTORE = (str(ROOT / "deploy" / name) for name in ("backup.sh", "restore.sh"))
TABLES = {
    "room": ("chat_room", "chat_event"),
    "inbox": ("notifications_inbox", "notifications_inboxentry"),
}

Serve = Callable[..., Served]
Place = Callable[[str], Site]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Makes sites on databases of their own, which are empty."""

    def on_sqlite(name: str) -> Site:
        (tmp_path / name).mkdir()
        return Site(tmp_path / name, database_url=f"sqlite:///{tmp_path / name}/db.sqlite3")

    def on_postgres(name: str) -> Site:
        server: PostgresServer = request.getfixturevalue("postgres")
        (tmp_path / name).mkdir()
        return Site(tmp_path / name, database_url=server.create_database(f"{name}{id(tmp_path)}"))

    return on_sqlite if request.param == "sqlite" else on_postgres


def back_up(site: Site, directory: Path, **environment: str) -> Path:
    programs = {"PG_DUMP": postgres_program("pg_dump")}
    return Path(site.run(BACKUP, str(directory), **programs, **environment).strip())


def restore(site: Site, file: Path) -> str:
    return site.run(RESTORE, str(file), PG_RESTORE=postgres_program("pg_restore"))


async def chatter(socket: Socket, said: list[str]) -> None:
    """Post one message after the other, as fast as they are acknowledged."""
    for number in count():
        await socket.say(f"m{number}", str(number))
        await socket.until("sent", client_id=str(number))
        said.append(str(number))


def heads_agree(site: Site) -> bool:
    """Whether every log has each number from 1 to its owner's head, once."""
    return all(
        site.select(
            f"SELECT COUNT(*) FROM {owners} o WHERE o.head <> (SELECT COUNT(*) FROM {entries} e"  # noqa: S608
            f" WHERE e.{name}_id = o.id) OR o.head <> COALESCE((SELECT MAX(e.seq) FROM {entries} e"
            f" WHERE e.{name}_id = o.id), 0)"
        )
        == [(0,)]
        for name, (owners, entries) in TABLES.items()
    )


async def test_a_backup_made_while_people_talk_is_a_prefix_of_the_logs_without_a_gap(
    place: Place, serve: Serve, tmp_path: Path
) -> None:
    site, other = place("site"), place("other")
    site.prepare()
    served = serve(Worker(site, "talking"))
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    said: list[str] = []
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.first, "general") as at_ben,
    ):
        talk = [
            asyncio.create_task(chatter(at_ann, said)),
            asyncio.create_task(chatter(at_ben, [])),
        ]
        async with asyncio.timeout(PATIENCE):
            while len(said) < 20:  # noqa: ASYNC110 - what the tasks do
                await asyncio.sleep(0.01)
        before = len(said)
        file = await asyncio.to_thread(back_up, site, tmp_path / "backups")
        after = len(said)
        assert after > before, "nobody waited for the backup"
        for task in talk:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    restore(other, file)
    assert heads_agree(other)
    kept, whole = other.log(room), site.log(room)
    assert kept == whole[: len(kept)]
    stored = {entry.client_id for entry in kept}
    assert set(said[:before]) <= stored, "what was acknowledged before the backup is in it"
    again = serve(Worker(other, "restored"))
    ann.journals.clear()
    async with ann.in_room(again.first, room, after=0) as at_ann:
        assert at_ann.welcome["seq"] == kept[-1].seq
        await at_ann.say("here again", "again")
        assert (await at_ann.until("sent", client_id="again"))["seq"] == kept[-1].seq + 1


def test_nothing_is_restored_over_what_is_there(place: Place, tmp_path: Path) -> None:
    site = place("site")
    site.prepare()
    file = back_up(site, tmp_path / "backups")
    with pytest.raises(RuntimeError, match=r"already (there|exists)|there already"):
        restore(site, file)
    assert heads_agree(site)


def test_the_oldest_backups_go_and_half_ones_are_never_named(
    small_site: Site, tmp_path: Path
) -> None:
    for day in range(1, 4):
        (tmp_path / f"chatsite-2026010{day}T000000Z.sqlite3").touch()
    newest = back_up(small_site, tmp_path, KEEP="2")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "chatsite-20260103T000000Z.sqlite3",
        newest.name,
    ]


@pytest.mark.parametrize("keep", ["0", "x", "-1", "1.5"])
def test_a_number_to_keep_that_makes_no_sense_ends_it_before_anything_is_done(
    small_site: Site, tmp_path: Path, keep: str
) -> None:
    (tmp_path / "chatsite-20260101T000000Z.sqlite3").touch()
    with pytest.raises(RuntimeError, match="KEEP must be"):
        back_up(small_site, tmp_path, KEEP=keep)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_copy_is_its_owners_alone(small_site: Site, tmp_path: Path) -> None:
    file = back_up(small_site, tmp_path / "backups")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("script", [BACKUP, RESTORE])
def test_the_password_is_on_no_command_line_and_half_a_dump_does_not_stay(
    script: str, tmp_path: Path
) -> None:
    """The program that is called tells what it was given, and fails."""
    program = tmp_path / "pg"
    told = tmp_path / "told"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {told}; echo "$PGPASSWORD" >> {told}\n'
        'for word; do case $word in --file=*) touch "${word#--file=}" ;; esac; done; exit 3\n'
    )
    program.chmod(0o755)
    url = "postgres://site:p%40ss%2Fw+rd@db.example:5433/chat?sslmode=require"
    backups = tmp_path / "backups"
    backups.mkdir()
    dump = tmp_path / "some.dump"
    dump.touch()
    given = {BACKUP: backups, RESTORE: dump}[script]
    done = subprocess.run(  # noqa: S603 - ours
        [script, str(given)],
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "DATABASE_URL": url,
            "PG_DUMP": str(program),
            "PG_RESTORE": str(program),
        },
        capture_output=True,
        check=False,
    )
    options, password = told.read_text().splitlines()
    assert done.returncode == 3
    assert "--dbname=postgres://site@db.example:5433/chat?sslmode=require" in options
    assert "ss/w" not in options
    assert "ss%2F" not in options
    assert password == "p@ss/w+rd"
    assert not list(backups.iterdir())


def test_a_backup_of_nothing_fails_and_leaves_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere.sqlite3"
    done = subprocess.run(  # noqa: S603 - ours
        [BACKUP, str(tmp_path / "backups")],
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": url},
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert not list((tmp_path / "backups").iterdir())
    assert not (tmp_path / "nowhere.sqlite3").exists()
