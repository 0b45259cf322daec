"""RabbitMQ as Debian ships it, as a process of ours: own node, own ports, own data."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.brokers.process import PATIENCE_S, Server
from tests.service import free_port

CONF = """\
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users = none
log.console = true
log.console.level = warning
log.file = false
# The default would write files of 512 MB.
raft.wal_max_size_bytes = 16777216
"""


@contextmanager
def rabbitmq(program: Path, folder: Path) -> Iterator[Server]:
    """A running node."""
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
        server = Server([program], folder, port, env)
        try:
            server.start()
            yield server
        finally:
            server.kill()
            daemon.kill()


async def queues_on_disk(folder: Path, *names: str) -> None:
    """Wait until a -9 leaves these queues whole: RabbitMQ 3.10 keeps a new queue's entry in memory for three seconds,
    and a node that dies before has the queue and not its messages."""
    (entries,) = (folder / "data").glob("*/quorum/*/names.dets")
    async with asyncio.timeout(PATIENCE_S):
        while not all(name.encode() in entries.read_bytes() for name in names):
            await asyncio.sleep(0.05)
