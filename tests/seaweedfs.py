"""A real S3 server for the tests: SeaweedFS, with credentials on, on ports of its own."""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_WEED = pathlib.Path(sys.executable).parent / "weed"
_SERVERS = ("master.port", "volume.port", "filer.port", "s3.port")
_PORTS = (*_SERVERS, *(f"{name}.grpc" for name in _SERVERS))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "crm", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests"}
#: Who may do what: our own user everything, and everybody read one bucket.
_IDENTITIES = [
    {
        "name": "crm",
        "credentials": [{"accessKey": "crm", "secretKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}],
        "actions": ["Admin", "Read", "Write", "List"],
    },
    {"name": "anonymous", "actions": ["Read:public"]},
]


@attrs.frozen
class S3:
    """A running server.

    Attributes:
        url: where it is.
        client: boto3's.
    """

    url: str
    client: Any

    def bucket(self, name: str) -> str:
        """An empty bucket."""
        with contextlib.suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
            self.client.create_bucket(Bucket=name)
        for each in self.client.list_objects_v2(Bucket=name).get("Contents", ()):
            self.client.delete_object(Bucket=name, Key=each["Key"])
        return name


@contextlib.contextmanager
def running(place: pathlib.Path) -> Iterator[S3]:
    """SeaweedFS with its data below a directory."""
    place.mkdir()
    config = place / "identities.json"
    config.write_text(json.dumps({"identities": _IDENTITIES}))
    ports = free_ports()
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(_WEED), "server", f"-dir={place}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options(ports)),
                *("-filer", "-s3", f"-s3.config={config}", "-volume.max=100", "-master.volumeSizeLimitMB=64"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{ports['s3.port']}"
        yield S3(url, _ready_client(process, url))
    finally:
        process.kill()  # asked politely, it takes ten seconds
        process.wait()
        remove_sockets(ports)


def free_ports() -> Mapping[str, int]:
    """A free port for each that a server takes, by the name of its option."""
    with contextlib.ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in _PORTS}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def options(ports: Mapping[str, int]) -> list[str]:
    """The options of a server on these ports that opens no others."""
    taken = [f"-{name}={port}" for name, port in ports.items()]
    return [*taken, "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]


def remove_sockets(ports: Mapping[str, int]) -> None:
    """Remove what a killed server leaves in /tmp."""
    for port in ports.values():
        for left in pathlib.Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            left.unlink()


def _ready_client(process: subprocess.Popen[bytes], url: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    for _ in range(300):
        assert process.poll() is None, "weed ended early"
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            time.sleep(0.1)  # another process has no event to wait for
        else:
            return client
    raise AssertionError("weed did not get ready")
