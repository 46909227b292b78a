"""The database is locked, stopped, busy or full: whoever speaks has to wait, or is refused."""

import asyncio
import sqlite3
from contextlib import closing

import psycopg

from soak.disk import fill
from soak.faults import Effects, fault
from soak.services import PostgresServer
from soak.stage import Stage

SPOKEN = 3.0  # seconds until somebody has said something, and waits
FULL = 60.0  # seconds until nothing more can be written
REFUSED = 13.0  # seconds until a worker that gets no connection says so


def _waiting(stage: Stage) -> Effects:
    return {"messages that had to wait": len(stage.waiting)}


def _sqlite(stage: Stage) -> str:
    assert stage.site is not None
    return stage.site.database_url.removeprefix("sqlite:///")


def _postgres(stage: Stage) -> PostgresServer:
    assert stage.postgres is not None
    return stage.postgres


@fault("lock-database", "own", "sqlite", least=SPOKEN)
async def lock_database(stage: Stage, seconds: float) -> Effects:
    """Another process holds SQLite's write lock."""
    stage.streets.touch()
    with closing(sqlite3.connect(_sqlite(stage), isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(seconds)
        effects = _waiting(stage)
        file.execute("ROLLBACK")
    return effects


@fault("fill-disk", "own", "root", "small disk")
async def fill_disk(stage: Stage, seconds: float) -> Effects:
    """Not a byte is left on the disk of the database's tables."""
    assert stage.disk is not None
    stage.streets.touch()
    if stage.postgres is None:
        with closing(sqlite3.connect(_sqlite(stage), isolation_level=None)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # room in it that would be used again
    refused = stage.ledger.errors["unavailable"]
    ballast = await asyncio.to_thread(fill, stage.disk)
    try:
        # There is room yet in what the tables have.
        await stage.until(lambda: stage.ledger.errors["unavailable"] > refused, within=FULL)
        await asyncio.sleep(seconds)
        return _waiting(stage)
    finally:
        ballast.unlink()


@fault("stop-postgres", "own", "postgres", least=REFUSED)
async def stop_postgres(stage: Stage, seconds: float) -> Effects:
    """PostgreSQL is away for a while."""
    stage.streets.touch()
    refused = stage.ledger.errors["unavailable"]
    await asyncio.to_thread(_postgres(stage).stop)
    await asyncio.sleep(seconds)
    refused = stage.ledger.errors["unavailable"] - refused
    effects = {**_waiting(stage), "messages that were refused": refused}
    await asyncio.to_thread(_postgres(stage).start)
    return effects


@fault("restart-postgres", "own", "postgres")
async def restart_postgres(stage: Stage, seconds: float) -> Effects:
    """PostgreSQL restarts at once, and every connection to it is lost."""
    assert stage.site is not None
    stage.streets.touch()
    ((connections,),) = await asyncio.to_thread(
        stage.site.select,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    await asyncio.to_thread(_postgres(stage).stop)
    await asyncio.to_thread(_postgres(stage).start)
    return {"connections cut": connections}


@fault("exhaust-pool", "own", "postgres", least=SPOKEN)
async def exhaust_pool(stage: Stage, seconds: float) -> Effects:
    """A long transaction holds the rooms, and whoever waits for it holds a connection."""
    assert stage.site is not None
    stage.streets.touch()
    with psycopg.connect(stage.site.database_url) as connection:
        connection.execute("LOCK TABLE chat_room IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(seconds)
        effects = _waiting(stage)
        connection.rollback()
    return effects
