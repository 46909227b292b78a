"""What the harness reads of the machine and its processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import machine
from soak import machine as soak_machine
from soak.services import program

# A parent with a child that both do as they are told, and say so.
NEST = "import subprocess,sys;subprocess.run([sys.executable,'-c',sys.argv[1]],stdin=sys.stdin)"
BURN = (
    "import time\nwhile time.process_time() < 0.3: pass\n"
    "print('done', flush=True)\ninput()"
)  # fmt: skip
HOLD = "held = b'x' * 40_000_000\nprint('done', flush=True)\ninput()"


@contextmanager
def nested(script: str) -> Iterator[int]:
    """The pid of the parent, once its child is done."""
    with subprocess.Popen(  # noqa: S603 - a script of this file
        [sys.executable, "-c", NEST, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "done\n"
        yield process.pid
        process.communicate("\n", timeout=60)


def test_the_cpu_of_a_child_counts_as_its_parents() -> None:
    with nested(BURN) as pid:
        assert len(soak_machine.tree(pid)) == 2
        assert 0.25 <= soak_machine.cpu_seconds(pid) < 10


def test_the_cpu_of_children_that_ended_still_counts() -> None:
    before = soak_machine.cpu_seconds(os.getpid())
    burn = [sys.executable, "-c", BURN]
    subprocess.run(burn, input="\n", text=True, check=True, timeout=60)  # noqa: S603 - as above

    assert soak_machine.cpu_seconds(os.getpid()) - before >= 0.25


def test_the_memory_of_a_child_counts_as_its_parents() -> None:
    with nested(HOLD) as pid:
        assert soak_machine.private_kib(pid) > 39_000


def test_one_that_has_ended_costs_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)

    assert soak_machine.cpu_seconds(process.pid) == 0
    assert soak_machine.private_kib(process.pid) == 0


def test_a_free_port_can_be_bound() -> None:
    assert 1024 <= soak_machine.free_port() < 65536


def test_the_machine_is_described_in_one_line() -> None:
    line = machine.describe()

    assert f"{os.cpu_count()} cores" in line
    assert "\n" not in line


def repository(directory: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
        command = [program("git"), *identity, *arguments]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)  # noqa: S603 - ours

    git("init")
    (directory / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "One", "--no-gpg-sign")
    git("tag", "v1", "--no-sign")


def test_the_commit_is_marked_where_files_differ_from_it(tmp_path: Path) -> None:
    repository(tmp_path)
    clean = machine.commit(tmp_path)
    (tmp_path / "file").write_text("two")

    assert int(clean, 16)
    assert machine.commit(tmp_path) == f"{clean}+"


def test_there_is_no_commit_outside_of_a_repository(tmp_path: Path) -> None:
    assert machine.commit(tmp_path) == ""


def test_there_is_no_commit_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert machine.commit() == ""
