"""The servers that ours is compared with, each as its own documentation teaches it.

`prepare()` of a peer says what is missing before anything is measured: it raises Missing.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import free_port
from benchmarks.process import PYTHON, ROOT, Server, running

HERE = Path(__file__).parent
CACHE = ROOT / "var/benchmarks"  # what is downloaded, kept for the next run
DOWNLOAD_SECONDS = 180


class Missing(Exception):
    """The peer cannot be run here; the message says why."""


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    path: str
    dialect: str
    prepare: Callable[[], None]
    serve: Callable[[], AbstractContextManager[Server]]

    def url(self, server: Server) -> str:
        return f"ws://{server.host}{self.path}"


def _call(*command: str, cwd: Path) -> None:
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not installed")
    try:
        subprocess.run(
            command, cwd=cwd, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise Missing(f"{' '.join(command)}: {error.stderr.strip()[-200:]}") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{' '.join(command)}: no answer") from error


# --- the Channels tutorial ---


def _needs_nothing() -> None:
    """It is installed with us."""


def _needs_redis() -> None:
    if shutil.which("redis-server") is None:
        raise Missing("redis-server is not installed")


def _daphne(port: int) -> list[str]:
    application = "benchmarks.peers.tutorial.asgi:application"
    return [PYTHON, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), application]


def _tutorial() -> AbstractContextManager[Server]:
    port = free_port()
    env = {"DJANGO_SETTINGS_MODULE": "benchmarks.peers.tutorial.settings"}
    return running(_daphne(port), port=port, env=env)


@contextmanager
def redis(**options: str) -> Iterator[Server]:
    """A Redis that keeps nothing on disk."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    for name, value in options.items():
        command += [f"--{name}", value]
    with running(command, port=port) as server:
        yield server


@contextmanager
def _tutorial_redis() -> Iterator[Server]:
    # A shell over both: what Redis does is a part of what a delivery costs.
    port, redis_port = free_port(), free_port()
    script = f'redis-server --port {redis_port} --bind 127.0.0.1 --save "" & "$@"; kill $!'
    env = {
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.tutorial.settings",
        "TUTORIAL_REDIS_PORT": str(redis_port),
    }
    with running(["sh", "-c", script, "sh", *_daphne(port)], port=port, env=env) as server:
        yield server


# --- Robyn ---


def _needs_robyn() -> None:
    if importlib.util.find_spec("robyn") is None:
        raise Missing("the package robyn is not installed (requirements-bench.txt)")


def _robyn() -> AbstractContextManager[Server]:
    port = free_port()
    command = [PYTHON, str(HERE / "robyn/server.py"), "--log-level", "WARN"]
    return running(command, port=port, env={"PORT": str(port), "ROBYN_PORT": str(port)})


# --- node ws ---


def _node_directory() -> Path:
    return CACHE / "node"


def _needs_node() -> None:
    if shutil.which("node") is None:
        raise Missing("node is not installed")
    directory = _node_directory()
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "server.mjs"):
        shutil.copy(HERE / "node" / name, directory)
    if not (directory / "node_modules/ws").exists():
        _call("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=directory)


def _node() -> AbstractContextManager[Server]:
    port = free_port()
    return running(
        ["node", "server.mjs"], port=port, env={"PORT": str(port)}, cwd=_node_directory()
    )


# --- nchan ---

_NGINX = ("usr/sbin/nginx", "usr/lib/nginx/modules/ngx_nchan_module.so")


def _nginx_root() -> Path | None:
    """Where nginx and its module lie: in the system, or unpacked beside it."""
    roots = (Path("/"), CACHE / "nchan")
    return next((root for root in roots if all((root / file).exists() for file in _NGINX)), None)


def _needs_nchan() -> None:
    """Unpacked and not installed: the package would start a web server on port 80."""
    if _nginx_root():
        return
    directory = CACHE / "nchan"
    directory.mkdir(parents=True, exist_ok=True)
    _call("apt-get", "download", "nginx", "libnginx-mod-nchan", cwd=directory)
    for package in directory.glob("*.deb"):
        _call("dpkg", "-x", str(package), str(directory), cwd=directory)


@contextmanager
def _nchan() -> Iterator[Server]:
    root, port = _nginx_root(), free_port()
    assert root
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="chatsite-nchan-"))
        Path(directory).chmod(0o755)  # the worker is another user
        conf = Path(directory, "nginx.conf")
        template = (HERE / "nchan/nginx.conf").read_text()
        conf.write_text(template.format(module=root / _NGINX[1], directory=directory, port=port))
        command = [*_beside(root), str(root / _NGINX[0]), "-p", directory, "-c", str(conf)]
        yield stack.enter_context(running(command, port=port))


def _beside(root: Path) -> list[str]:
    """nchan makes nginx ask for the package's own directory, whatever the file says."""
    if Path("/var/lib/nginx").exists():
        return []
    script = 'mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/nginx && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


PEERS = [
    Peer(
        "tutorial",
        "Channels tutorial, daphne, in memory",
        "/ws/chat/room/",
        "tutorial",
        _needs_nothing,
        _tutorial,
    ),
    Peer(
        "tutorial-redis",
        "Channels tutorial, daphne, Redis pub/sub",
        "/ws/chat/room/",
        "tutorial",
        _needs_redis,
        _tutorial_redis,
    ),
    Peer("robyn", "Robyn", "/ws", "raw", _needs_robyn, _robyn),
    Peer("ws", "node ws", "/ws", "raw", _needs_node, _node),
    Peer("nchan", "nchan", "/ws", "raw", _needs_nchan, _nchan),
]


def prepare(peer: Peer) -> None:
    """Raises Missing. All are asked for, unless PEERS names some."""
    names = os.environ.get("PEERS", "all").split(",")
    if "all" not in names and peer.name not in names:
        raise Missing("not asked for by PEERS")
    peer.prepare()
