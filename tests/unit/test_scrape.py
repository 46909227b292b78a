"""What a worker that is asked makes of its own numbers and those of the others."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prometheus_client.parser import text_string_to_metric_families

from realtime import metrics, scrape

OTHER = "4000001"  # no pid of this machine


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(prefix="rt-") as path:  # the name of a socket must be short
        monkeypatch.setenv(scrape.DIRECTORY, path)
        monkeypatch.setattr(scrape, "TIMEOUT", 60)
        yield Path(path)


def samples() -> dict[tuple[str, str], float]:
    """By name and worker; of those with no other label."""
    return {
        (sample.name, sample.labels["worker"]): sample.value
        for family in text_string_to_metric_families(scrape.gathered().decode())
        for sample in family.samples
        if set(sample.labels) == {"worker"}
    }


def listening(directory: Path, worker: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / f"{worker}.sock"))
    listener.listen()
    return listener


async def test_a_worker_answers_with_its_numbers(directory: Path) -> None:
    await scrape.answer_others(str(directory))
    metrics.heals.inc()
    path = scrape.socket_of(str(directory), os.getpid())
    text = await asyncio.to_thread(scrape._ask, path)
    assert f"realtime_heals_total {metrics.heals._value.get()}" in text


async def test_the_numbers_of_others_stand_beside_ones_own(directory: Path) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"# TYPE realtime_heals_total counter\nrealtime_heals_total 41\n")
        writer.close()

    server = await asyncio.start_unix_server(answer, directory / f"{OTHER}.sock")
    async with server:
        found = await asyncio.to_thread(samples)
    own = str(os.getpid())
    assert found["realtime_heals_total", OTHER] == 41
    assert found["realtime_heals_total", own] == metrics.heals._value.get()
    assert found["realtime_worker_up", OTHER] == found["realtime_worker_up", own] == 1


def test_a_histogram_keeps_its_buckets_and_is_one_family(directory: Path) -> None:
    text = scrape.gathered().decode()
    own = os.getpid()
    assert f'realtime_flush_seconds_bucket{{le="+Inf",worker="{own}"}}' in text
    assert text.count("# TYPE realtime_flush_seconds histogram") == 1


def test_a_worker_that_does_not_answer_is_told_of_and_holds_up_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "TIMEOUT", 0.05)
    with listening(directory, OTHER):
        found = samples()
    assert found["realtime_worker_up", OTHER] == 0
    assert {worker for name, worker in found if name == "realtime_heals_total"} == {
        str(os.getpid())
    }


def test_a_worker_that_is_gone_is_no_worker(directory: Path) -> None:
    listening(directory, OTHER).close()
    assert {worker for _, worker in samples()} == {str(os.getpid())}


def test_without_a_master_a_worker_speaks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(scrape.DIRECTORY, raising=False)
    assert {worker for _, worker in samples()} == {str(os.getpid())}
