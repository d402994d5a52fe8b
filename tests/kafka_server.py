"""Apache Kafka for the tests: one KRaft node from Maven Central, to be stopped, killed and started again."""

import contextlib
import datetime
import ipaddress
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ports import free_port
from tests.waiting import patient

REPOSITORY = Path(__file__).parents[1]
POM = Path(__file__).parent / "kafka" / "pom.xml"
CACHE = REPOSITORY / ".kafka"
START_SECONDS = 30
SASL_USER, SASL_PASSWORD = "bridge", "correct horse"


class NoKafkaError(Exception):
    """A real Apache Kafka can't be had here; the message says why."""


def version() -> str:
    """The Apache Kafka version the pom names."""
    found = ElementTree.parse(POM).findtext(".//{*}kafka.version")  # noqa: S314 (our own file)
    assert found
    return found


def libraries() -> Path:
    """The directory of Kafka's jars, fetched once with ``mvn`` for each version and each state of the pom."""
    target = CACHE / f"{version()}-{sha256(POM.read_bytes()).hexdigest()[:8]}"
    if shutil.which("java") is None:
        raise NoKafkaError("no java on the PATH")
    if target.exists():
        return target
    if shutil.which("mvn") is None:
        raise NoKafkaError("no mvn on the PATH")
    fetching = CACHE / f"fetching-{os.getpid()}"
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    fetched = subprocess.run(
        [*command, f"-DoutputDirectory={fetching}"], capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        shutil.rmtree(fetching, ignore_errors=True)
        raise NoKafkaError(f"mvn can't fetch Apache Kafka {version()}: {_first_error(fetched.stdout)}")
    with contextlib.suppress(OSError):  # another run was faster
        fetching.rename(target)
    shutil.rmtree(fetching, ignore_errors=True)
    return target


def _first_error(output: str) -> str:
    return next((line for line in output.splitlines() if "ERROR" in line), "no reason given")[:300]


class Broker:
    """One Kafka node on loopback ports that stay the same over its restarts.

    ``bootstrap`` is the plain listener, ``sasl`` the SASL/PLAIN one, ``ssl`` the TLS one whose
    certificate authority is the file ``cafile``. The log is ``directory/broker.log``.
    """

    def __init__(self, libs: Path, directory: Path) -> None:
        self.directory = directory
        self._libs = libs
        self._process: subprocess.Popen[bytes] | None = None
        self._log_read_from = 0
        ports = [free_port() for _ in range(4)]
        self.bootstrap, self.sasl, self.ssl, self._controller = (f"127.0.0.1:{port}" for port in ports)
        self.cafile = directory / "ca.pem"
        directory.mkdir(parents=True, exist_ok=True)
        _write_certificate(directory / "server.pem", self.cafile)
        (directory / "server.properties").write_text(self._properties())
        self._java(
            "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", "server.properties"
        )
        self._wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the node and wait until it serves."""
        self._java("kafka.Kafka", "server.properties")
        deadline = time.monotonic() + patient(START_SECONDS)
        while not self._serves():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NoKafkaError(f"Apache Kafka doesn't start: {self._tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End it in good order (SIGTERM)."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(patient(30))
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._wait()

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._wait()

    def pause(self) -> None:
        """Leave its sockets open and silent (SIGSTOP), until ``resume``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # A busy machine stops it a moment later, and until then it answers.
        node, deadline = psutil.Process(self._process.pid), time.monotonic() + patient(10)
        while node.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the node does not stop"
            time.sleep(0.01)

    def resume(self) -> None:
        """Let a paused node go on (SIGCONT)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ensure_running(self) -> None:
        """Start it unless it runs: what a test that killed it leaves to do."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def _java(self, *arguments: str) -> None:
        with (self.directory / "broker.log").open("ab") as log:
            self._log_read_from = log.tell()
            command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
            command += [f"-Dlog4j2.configurationFile={POM.parent / 'log4j2.properties'}"]
            command += ["-cp", f"{self._libs}/*", *arguments]
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C is for us, who end it
            )

    def _wait(self) -> None:
        assert self._process is not None
        code = self._process.wait()
        self._process = None
        if code > 0 and code != 128 + signal.SIGTERM:
            raise NoKafkaError(f"Apache Kafka ended with {code}: {self._tail()}")

    def _tail(self) -> str:
        return (self.directory / "broker.log").read_text(errors="replace")[-2000:]

    def _serves(self) -> bool:
        with (self.directory / "broker.log").open("rb") as log:
            log.seek(self._log_read_from)
            return b"Kafka Server started" in log.read()

    def _properties(self) -> str:
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{self._controller}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"PLAINTEXT://{self.bootstrap},SASL_PLAINTEXT://{self.sasl},SSL://{self.ssl},"
            f"CONTROLLER://{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap},SASL_PLAINTEXT://{self.sasl},SSL://{self.ssl}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,"
            "CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": "org.apache.kafka.common.security.plain."
            f'PlainLoginModule required user_{SASL_USER}="{SASL_PASSWORD}";',
            # Who comes by SASL may do what nobody forbids; everybody else may do anything.
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": "server.pem",
            "log.dirs": "data",
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # a killed node may come back at once
            "broker.heartbeat.interval.ms": "300",
            "broker.session.timeout.ms": "1500",
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Broker]:
    """Run a broker until the block ends. Raises ``NoKafkaError``."""
    with Broker(libraries(), directory) as broker:
        broker.start()
        yield broker


def _write_certificate(server: Path, cafile: Path) -> None:
    """A certificate for 127.0.0.1 that is its own authority: key and certificate, and the latter alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    cafile.write_bytes(pem)
    server.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + pem
    )
