"""Apache Kafka itself (KRaft, one node), from Maven Central where that can be reached."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.brokers.process import Server
from tests.service import free_port

POM = Path(__file__).with_name("kafka.pom.xml")
JARS = Path(__file__).parents[2] / ".cache" / "kafka-4.1.1"
DOWNLOAD_S = 300

NOT_TESTED = "Apache Kafka was NOT TESTED, PostgreSQL and RabbitMQ stand in for it: "
"""How the reason of a skip begins that is allowed even where skips count as failures: README promises that the tests
need PyPI and Debian, not Maven Central."""

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
# The default waits three seconds for more members before a group may begin.
group.initial.rebalance.delay.ms=0
# After a kill the node comes back at once instead of waiting for its own old session to end.
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
auto.create.topics.enable=false
"""


@cache
def jars() -> Path | str:
    """The folder of Kafka's jars, fetched once; or one line that says why there is none."""
    if shutil.which("java") is None:
        return NOT_TESTED + "there is no Java (17 or newer)"
    if any(JARS.glob("kafka_*.jar")):
        return JARS
    if shutil.which("mvn") is None:
        return NOT_TESTED + "there is no Maven"
    fresh = JARS.with_name(f"{JARS.name}.{os.getpid()}")
    command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
    try:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=DOWNLOAD_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        shutil.rmtree(fresh, ignore_errors=True)
        return NOT_TESTED + "Maven Central cannot be reached"
    if not any(JARS.glob("kafka_*.jar")):
        fresh.rename(JARS)
    return JARS


@contextmanager
def kafka(jars: Path, folder: Path) -> Iterator[Server]:
    """A running node."""
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(PROPERTIES.format(port=port, controller=controller, data=folder / "data"))
    java = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
    cluster = "frontdesk-tests-000000"  # 22 characters of base64url, as Kafka wants them
    storage = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", properties]
    subprocess.run([*java, *storage], check=True, capture_output=True, cwd=folder)
    server = Server([*java, "kafka.Kafka", properties], folder, port, {})
    try:
        server.start()
        yield server
    finally:
        server.kill()
