"""Real proxies of Debian on loopback, each with configuration and logs in a folder of its own."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from certificates import Pair
from children import ENVIRONMENT, Child
from listening import until_listening
from ports import free_port

USER = "aladdin"
# With characters that have to be escaped in a URL.
PASSWORD = "open:s@same/1"
# tinyproxy's configuration has no way to write others.
PLAIN_PASSWORD = "open-sesame.1"
ALLOWED = 443


@dataclass(frozen=True)
class Door:
    """One way into a proxy: what is spoken there, and the password if it asks for one."""

    scheme: str
    port: int
    password: Optional[str] = None

    def url(self, password: str | None) -> str:
        credentials = "" if password is None else f"{USER}:{quote(password, '')}@"
        return f"{self.scheme}://{credentials}127.0.0.1:{self.port}"

    def right(self) -> str:
        return self.url(self.password)

    def anonymous(self) -> str:
        return self.url(None)

    def speaking(self, scheme: str) -> Door:
        return Door(scheme, self.port, self.password)


@dataclass
class Proxy:
    """A proxy that runs. `log` reads what it has written down."""

    name: str
    command: list[str]
    environment: dict[str, str]
    ports: list[int]
    log_file: Optional[Path]
    child: Child = field(init=False)

    async def start(self) -> None:
        self.child = await Child.start(self.name, self.command, self.environment)
        for port in self.ports:
            await until_listening(port, self.child)

    async def stop(self) -> None:
        self.child.kill(signal.SIGCONT)
        await self.child.stop()

    async def die(self) -> None:
        self.child.kill(signal.SIGKILL)
        await self.child.process.wait()

    def log(self) -> str:
        written = self.log_file.read_text("utf-8", "replace") if self.log_file and self.log_file.exists() else ""
        return written + self.child.errors.decode("utf-8", "replace")


class Proxies:
    """Starts proxies, and stops them at the end."""

    def __init__(self, installed: Path, folder: Path, stack: AsyncExitStack) -> None:
        self.installed = installed
        self.root = installed / "proxies" / "root"
        self.folder = folder
        self.stack = stack
        libraries = ":".join(str(path) for path in self.root.glob("usr/lib/*-linux-gnu*"))
        self.environment = {**ENVIRONMENT, "LD_LIBRARY_PATH": libraries}

    async def tinyproxy(self, asks: bool = False, allowed: int | None = None) -> tuple[Proxy, Door]:
        port, folder = free_port(), self.place("tinyproxy")
        lines = [
            f"Port {port}", "Listen 127.0.0.1", "Allow 127.0.0.1", "Timeout 60", "MaxClients 50",
            f'LogFile "{folder}/log"', "LogLevel Connect",
        ]
        if asks:
            lines.append(f"BasicAuth {USER} {PLAIN_PASSWORD}")
        if allowed:
            lines.append(f"ConnectPort {allowed}")
        configuration = write(folder / "configuration", lines)
        command = [self.program("tinyproxy"), "-d", "-c", configuration]
        proxy = await self.start("tinyproxy", command, [port], folder / "log")
        return proxy, Door("http", port, PLAIN_PASSWORD if asks else None)

    async def squid(self, pair: Pair) -> tuple[Proxy, dict[str, Door]]:
        """With a door that is open, one that asks, one that lets nobody to other ports than 443, and all of it over TLS."""
        folder = self.place("squid")
        helper = self.root / "usr/lib/squid/basic_ncsa_auth"
        names = ["open", "asking", "strict", "secure", "secure-asking"]
        ports = {name: free_port() for name in names}
        secure = f"tls-cert={pair.certificate} tls-key={pair.key}"
        users = write(folder / "users", [f"{USER}:{apache_password(PASSWORD)}"])
        lines = [
            *(f"http_port 127.0.0.1:{ports[name]} name={name}" for name in names[:3]),
            *(f"https_port 127.0.0.1:{ports[name]} name={name} {secure}" for name in names[3:]),
            f"auth_param basic program {helper} {users}",
            "auth_param basic children 1 startup=1 idle=1",
            "auth_param basic realm interop",
            "acl known proxy_auth REQUIRED",
            "acl asking myportname asking secure-asking",
            "acl strict myportname strict",
            f"acl allowed port {ALLOWED}",
            "http_access deny strict !allowed",
            "http_access deny asking !known",
            "http_access allow all",
            f"access_log stdio:{folder}/log",
            f"cache_log {folder}/cache.log",
            f"pid_filename {folder}/pid",
            f"coredump_dir {folder}",
            f"unlinkd_program {self.root}/usr/lib/squid/unlinkd",
            f"logfile_daemon {self.root}/usr/lib/squid/log_file_daemon",
            f"mime_table {self.root}/usr/share/squid/mime.conf",
            f"icon_directory {self.root}/usr/share/squid/icons",
            f"error_directory {self.root}/usr/share/squid-langpack/en",
            "error_log_languages off",
            "cache deny all",
            "cache_mem 8 MB",
            "max_filedescriptors 1024",
            "memory_pools off",
            "pinger_enable off",
            "netdb_filename none",
            "shutdown_lifetime 0 seconds",
            "visible_hostname interop",
            "dns_timeout 3 seconds",
            "via off",
        ]
        configuration = write(folder / "configuration", lines)
        # Squids that start at once fail over segments of shared memory of one name; `-d 0` says why one fails.
        service = f"interop{ports['open']}"
        self.stack.callback(forget_memory, service)
        command = [self.program("squid"), "-N", "-d", "0", "-n", service, "-f", configuration]
        proxy = await self.start("squid", command, list(ports.values()), folder / "log")
        doors = {
            name: Door("https" if "secure" in name else "http", port, PASSWORD if "asking" in name else None)
            for name, port in ports.items()
        }
        return proxy, doors

    async def microsocks(self, asks: bool = False) -> tuple[Proxy, Door]:
        port = free_port()
        command = [self.program("microsocks"), "-i", "127.0.0.1", "-p", str(port)]
        if asks:
            command += ["-u", USER, "-P", PASSWORD]
        return await self.start("microsocks", command, [port], None), Door("socks5h", port, PASSWORD if asks else None)

    async def dante(self, forbidden: int) -> tuple[Proxy, Door]:
        port, folder = free_port(), self.place("dante")
        everywhere = "from: 0.0.0.0/0 to: 0.0.0.0/0"
        lines = [
            f"logoutput: {folder}/log",
            f"internal: 127.0.0.1 port = {port}",
            "external: 127.0.0.1",
            "clientmethod: none",
            "socksmethod: none",
            "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }",
            f"socks block {{ {everywhere} port = {forbidden} log: connect }}",
            f"socks pass {{ {everywhere} log: connect }}",
        ]
        configuration = write(folder / "configuration", lines)
        command = [self.program("danted"), "-f", configuration, "-p", f"{folder}/pid", "-N", "1"]
        return await self.start("dante", command, [port], folder / "log"), Door("socks5h", port)

    async def nginx(self, server: int, lines: list[str]) -> int:
        """A reverse proxy in front of a server. `lines` are settings of its one location."""
        port, folder = free_port(), self.place("nginx")
        kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        configuration = write(folder / "configuration", [
            "daemon off;", "master_process off;", f"pid {folder}/pid;", f"error_log {folder}/log;",
            "events { worker_connections 64; }",
            "http {",
            "access_log off;",
            *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
            "server {",
            f"listen 127.0.0.1:{port};",
            "location / {",
            f"proxy_pass http://127.0.0.1:{server};",
            "proxy_http_version 1.1;",
            "proxy_set_header Upgrade $http_upgrade;",
            'proxy_set_header Connection "upgrade";',
            *lines,
            "}", "}", "}",
        ])
        command = [self.program("nginx"), "-p", str(folder), "-e", f"{folder}/log", "-c", configuration]
        await self.start("nginx", command, [port], folder / "log")
        return port

    async def haproxy(self, server: int, mode: str, options: str, lines: list[str]) -> int:
        """A reverse proxy in front of a server: with options of the server, and with settings of its front."""
        port, folder = free_port(), self.place("haproxy")
        configuration = write(folder / "configuration", [
            "global", "maxconn 64",
            "defaults", f"mode {mode}", "timeout connect 5s", "timeout client 60s", "timeout server 60s",
            "frontend front", f"bind 127.0.0.1:{port}", "default_backend back", *lines,
            "backend back", f"server one 127.0.0.1:{server} {options}",
        ])
        await self.start("haproxy", [self.program("haproxy"), "-db", "-f", configuration], [port], None)
        return port

    async def start(self, name: str, command: list[str], ports: list[int], log: Path | None) -> Proxy:
        proxy = Proxy(name, command, self.environment, ports, log)
        await proxy.start()
        self.stack.push_async_callback(proxy.stop)
        return proxy

    def program(self, name: str) -> str:
        places = [self.root / "usr" / place / name for place in ("sbin", "bin")]
        return str(next((path for path in places if path.exists()), places[0]))

    def place(self, name: str) -> Path:
        """A folder, for one who may be another user."""
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        folder.chmod(0o777)
        return folder


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o644)
    return str(path)


def forget_memory(service: str) -> None:
    """A squid that was killed leaves its shared memory behind."""
    for path in Path("/dev/shm").glob(f"{service}-*"):
        path.unlink()


def apache_password(password: str) -> str:
    """As in the files of Apache's htpasswd; squid's helper takes them."""
    made = subprocess.run(["openssl", "passwd", "-apr1", password], check=True, capture_output=True, text=True)
    return made.stdout.strip()
