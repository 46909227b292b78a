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
from functools import partial
from pathlib import Path

from benchmarks.process import PYTHON, ROOT, Server, running
from soak.machine import free_port

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


# --- no server: what is below all of those in Python ---


def _floor() -> AbstractContextManager[Server]:
    port = free_port()
    return running([PYTHON, str(HERE / "floor/server.py")], port=port, env={"PORT": str(port)})


# --- Robyn ---


def _needs_robyn() -> None:
    if importlib.util.find_spec("robyn") is None:
        raise Missing("the package robyn is not installed (requirements-bench.txt)")


def _robyn() -> AbstractContextManager[Server]:
    port = free_port()
    command = [PYTHON, str(HERE / "robyn/server.py"), "--log-level", "WARN"]
    return running(command, port=port, env={"PORT": str(port), "ROBYN_PORT": str(port)})


# --- in Python, each in a virtual environment of its own: their pins are not ours ---


def _needs_environment(name: str) -> None:
    """Made anew where the pins have changed."""
    pins, environment = HERE / name / "requirements.txt", CACHE / name
    installed = environment / "installed.txt"
    if installed.exists() and installed.read_text() == pins.read_text():
        return
    environment.mkdir(parents=True, exist_ok=True)
    _call(PYTHON, "-m", "venv", "--clear", str(environment), cwd=CACHE)
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
    _call(_python(name), "-m", "pip", "install", *options, "-r", str(pins), cwd=CACHE)
    shutil.copy(pins, installed)


def _python(name: str) -> str:
    return str(CACHE / name / "bin/python")


def _responder() -> AbstractContextManager[Server]:
    port = free_port()
    command = [_python("responder"), str(HERE / "responder/server.py")]
    return running(command, port=port, env={"PORT": str(port)})


@contextmanager
def _tina4() -> Iterator[Server]:
    """It keeps sessions, keys and templates where it runs."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="chatsite-tina4-") as name:
        directory = Path(name)
        (directory / "src/routes").mkdir(parents=True)
        (directory / "app.py").write_text("from tina4_python import *\n")
        shutil.copy(HERE / "tina4/room.py", directory / "src/__init__.py")
        command = [_python("tina4"), "app.py", f"127.0.0.1:{port}"]
        env = {"TINA4_DEBUG_LEVEL": "[TINA4_LOG_ERROR]"}
        with running(command, port=port, env=env, cwd=directory) as server:
            yield server


# --- on node: ws and Socket.IO ---


def _needs_packages(name: str) -> None:
    """Installed anew where the pins have changed."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")
    directory = CACHE / name
    pins, installed = HERE / name / "package.json", directory / "installed.json"
    directory.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "server.mjs"):
        shutil.copy(HERE / name / file, directory)
    if not (installed.exists() and installed.read_text() == pins.read_text()):
        _call("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=directory)
        shutil.copy(pins, installed)


def _on_node(name: str) -> AbstractContextManager[Server]:
    port = free_port()
    return running(["node", "server.mjs"], port=port, env={"PORT": str(port)}, cwd=CACHE / name)


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
    if os.geteuid() == 0:
        _call("apt-get", "update", "-qq", cwd=directory)
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
    Peer("floor", "a bare send() per socket, in Python", "/", "raw", _needs_nothing, _floor),
    Peer("robyn", "Robyn", "/ws", "raw", _needs_robyn, _robyn),
    Peer(
        "responder",
        "Responder",
        "/ws",
        "raw",
        partial(_needs_environment, "responder"),
        _responder,
    ),
    Peer("tina4", "tina4", "/ws", "raw", partial(_needs_environment, "tina4"), _tina4),
    Peer(
        "socketio",
        "Socket.IO",
        "/socket.io/?EIO=4&transport=websocket",
        "socketio",
        partial(_needs_packages, "socketio"),
        partial(_on_node, "socketio"),
    ),
    Peer(
        "ws", "node ws", "/ws", "raw", partial(_needs_packages, "node"), partial(_on_node, "node")
    ),
    Peer("nchan", "nchan", "/ws", "raw", _needs_nchan, _nchan),
]


def prepare(peer: Peer) -> None:
    """Raises Missing. All are asked for, unless PEERS names some, by name or title."""
    names = os.environ.get("PEERS", "all").split(",")
    if not {"all", peer.name, peer.title}.intersection(names):
        raise Missing("not asked for by PEERS")
    peer.prepare()
