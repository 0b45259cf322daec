"""Apache Kafka itself (KRaft, one node), from Maven Central where that can be reached."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from frontdesk import clock
from tests.brokers.process import Server
from tests.service import free_port

POM = Path(__file__).with_name("kafka.pom.xml")
JARS = Path(__file__).parents[2] / ".cache" / "kafka-4.1.1"
DOWNLOAD_S = 300

NOT_TESTED = "Apache Kafka was NOT TESTED, PostgreSQL and RabbitMQ stand in for it: "
"""How the reason of a skip begins that is allowed even where skips count as failures: README promises that the tests
need PyPI and Debian, not Maven Central."""

LOGIN = ("frontdesk", "between:these@lines")
"""What an address has to escape."""

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={certificate}
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


class Kafka(Server):
    """Beside `port`, where anybody is let in, `secure_port` wants TLS (with a certificate of its own) and LOGIN."""

    secure_port: int
    certificate: Path


@contextmanager
def kafka(jars: Path, folder: Path) -> Iterator[Kafka]:
    """A running node."""
    port, secure, controller = free_port(), free_port(), free_port()
    certificate = folder / "certificate.pem"
    (folder / "with-key.pem").write_bytes(_self_signed(certificate))
    properties = folder / "server.properties"
    properties.write_text(
        PROPERTIES.format(
            port=port, secure=secure, controller=controller, data=folder / "data", certificate=folder / "with-key.pem"
        )
    )
    java = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
    cluster = "frontdesk-tests-000000"  # 22 characters of base64url, as Kafka wants them
    storage = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", properties]
    storage += ["--add-scram", f"SCRAM-SHA-512=[name={LOGIN[0]},password={LOGIN[1]}]"]
    subprocess.run([*java, *storage], check=True, capture_output=True, cwd=folder)
    server = Kafka([*java, "kafka.Kafka", properties], folder, port, {})
    server.secure_port, server.certificate = secure, certificate
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _self_signed(certificate: Path) -> bytes:
    """Writes the certificate, for who is to believe it; returns it with its key, as Kafka wants them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.read_bytes()
