"""What the workers of one master count, whichever of them is asked.

Each answers the others on a Unix socket in a directory of the master's. prometheus_client has
workers share files instead, which costs 5 µs more at every flush, and forgets none who died.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import structlog
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

logger = structlog.get_logger(__name__)

DIRECTORY = "REALTIME_SCRAPE_DIR"  # the environment variable by which the master names it
TIMEOUT = 1.0  # seconds for another worker to answer; one that is stopped never does
SUFFIX = ".sock"


def socket_of(directory: str, pid: int) -> Path:
    return Path(directory, f"{pid}{SUFFIX}")


async def answer_others(directory: str) -> None:
    """From now on, for as long as the process lives."""
    await asyncio.start_unix_server(_answer, socket_of(directory, os.getpid()))


async def _answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await asyncio.to_thread(generate_latest))
    writer.close()


def gathered() -> bytes:
    """Every series of every worker, labelled with the worker's pid. Blocking."""
    return generate_latest(_Workers())


class _Workers(Collector):
    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        up = GaugeMetricFamily(
            "realtime_worker_up", "1 if the worker answered in time", labels=["worker"]
        )
        for worker, text in _texts():
            up.add_metric([worker], int(text is not None))
            for one in text_string_to_metric_families(text or ""):
                family = families.setdefault(
                    one.name, Metric(one.name, one.documentation, one.type)
                )
                family.samples += [
                    sample._replace(labels={**sample.labels, "worker": worker})
                    for sample in one.samples
                ]
        yield up
        yield from families.values()


def _texts() -> Iterator[tuple[str, str | None]]:
    """By pid; None of a worker that is there and says nothing."""
    own = str(os.getpid())
    yield own, generate_latest().decode()
    directory = os.environ.get(DIRECTORY)
    for path in sorted(Path(directory).glob(f"*{SUFFIX}")) if directory else ():
        if path.stem == own:
            continue
        try:
            yield path.stem, _ask(path)
        except TimeoutError:
            logger.warning("worker_silent", worker=path.stem)
            yield path.stem, None
        except OSError:
            continue  # it has just ended, or has not quite begun


def _ask(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(path))
        parts = iter(lambda: connection.recv(65536), b"")
        return b"".join(parts).decode()
