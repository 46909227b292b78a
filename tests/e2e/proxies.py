"""nginx and Caddy in front of a server, with the files of deploy/ and other ports and paths."""

import ssl
import urllib.request
from functools import cached_property

from soak.services import free_port, program
from tests.e2e.redis_kinds import self_signed
from tests.e2e.workers import ROOT, Site, Worker

DEPLOY = ROOT / "deploy"


class Proxy(Worker):
    """What a client sees of the site: TLS on a port of this machine."""

    def __init__(self, site: Site, *, upstream: Worker) -> None:
        super().__init__(site, type(self).__name__.lower())
        self.upstream = upstream
        self.home = site.directory / f"{self.name}-{self.port}"
        self.home.mkdir()
        self.certificate, self.key = self_signed(self.home)
        self.http = f"https://127.0.0.1:{self.port}"

    @cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    @cached_property
    def opener(self) -> urllib.request.OpenerDirector:  # type: ignore[override]
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls)
        )

    @property
    def static(self) -> str:
        return self.site.environment["STATIC_ROOT"]


class Nginx(Proxy):
    def __init__(self, site: Site, *, upstream: Worker) -> None:
        super().__init__(site, upstream=upstream)
        self.plain_port = free_port()
        self.webroot = self.home / "www"
        shipped = (DEPLOY / "nginx/chatsite.conf").read_text()
        for before, after in {
            "127.0.0.1:8000": f"127.0.0.1:{upstream.port}",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2 sndbuf=128k;": "",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl http2 ": f"listen 127.0.0.1:{self.port} ssl http2 ",
            "chat.example.org;": "127.0.0.1;",
            "/etc/letsencrypt/live/chat.example.org/fullchain.pem": str(self.certificate),
            "/etc/letsencrypt/live/chat.example.org/privkey.pem": str(self.key),
            "/var/cache/chatsite/static/": f"{self.static}/",
            "/var/www/html": str(self.webroot),
        }.items():
            assert before in shipped, before
            shipped = shipped.replace(before, after)
        (self.home / "chatsite.conf").write_text(shipped)
        (self.home / "nginx.conf").write_text(
            f"daemon off; user root; pid {self.home}/pid; error_log stderr;\n"
            "events { worker_connections 1024; }\n"
            "http {\n include /etc/nginx/mime.types; access_log off;\n"
            f" client_body_temp_path {self.home}/body; proxy_temp_path {self.home}/proxy;\n"
            f" include {self.home}/chatsite.conf;\n}}\n"
        )

    @property
    def command(self) -> list[str]:
        return [program("nginx"), "-p", str(self.home), "-c", str(self.home / "nginx.conf")]

    @property
    def environment(self) -> None:  # type: ignore[override]
        return None


class Caddy(Proxy):
    def __init__(self, site: Site, *, upstream: Worker) -> None:
        super().__init__(site, upstream=upstream)
        options = self.home / "options"
        options.mkdir()
        (options / "tls").write_text(f"tls {self.certificate} {self.key}\n")
        (self.home / "Caddyfile").write_text(
            f"{{\n admin off\n auto_https disable_redirects\n}}\nimport {DEPLOY}/caddy/Caddyfile\n"
        )

    @property
    def command(self) -> list[str]:
        config = str(self.home / "Caddyfile")
        return [program("caddy"), "run", "--config", config, "--adapter", "caddyfile"]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "SITE_ADDRESS": self.http,
            "UPSTREAM": f"127.0.0.1:{self.upstream.port}",
            "STATIC_ROOT": self.static,
            "SITE_OPTIONS": f"{self.home}/options/*",
        }
