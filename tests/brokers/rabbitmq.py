"""RabbitMQ as Debian ships it, as a process of ours: own node, own ports, own data."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.brokers.process import Server
from tests.service import free_port

PROGRAMS = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"

CONF = """\
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users = none
log.console = true
log.console.level = warning
log.file = false
# The default would write files of 512 MB.
raft.wal_max_size_bytes = 16777216
"""


def program() -> Path | None:
    """The server itself; Debian's wrapper in /usr/sbin would change the user."""
    return next(iter(sorted(Path("/").glob(PROGRAMS.lstrip("/")))), None)


@contextmanager
def rabbitmq(folder: Path) -> Iterator[Server]:
    """A running node."""
    found = program()
    assert found is not None, "debian.rabbitmq() said that it is there"
    port, names, nodes = free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(CONF.format(port=port))
    (folder / "enabled_plugins").write_text("[].\n")
    env = {
        "HOME": str(folder),  # where Erlang keeps its cookie
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"frontdesk{port}@localhost",
        "RABBITMQ_DIST_PORT": str(nodes),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }
    # Erlang would otherwise leave a daemon of names behind, which outlives the tests.
    with subprocess.Popen(["epmd", "-port", str(names)], env={**os.environ, **env}) as daemon:
        server = Server([found], folder, port, env)
        try:
            server.start()
            yield server
        finally:
            server.kill()
            daemon.kill()
