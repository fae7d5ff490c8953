"""An S3 store on loopback (moto), with a hook in which a test makes it fail."""

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import boto3  # type: ignore[import-untyped]
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_NAMES = count(1)
_KEY = "key"
SECRET = "se/cret-of-the-store"  # noqa: S105  a made-up one


@dataclass
class Store:
    """The server and what tests do to it."""

    url: str = ""
    hook: Callable[[str, str], int | None] = field(default=lambda _method, _path: None)
    """Given method and path of a request; a status is answered instead of asking moto."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    client: Any = None

    def bucket(self) -> "Bucket":
        """Return a new bucket."""
        name = f"bucket-{next(_NAMES)}"
        self.client.create_bucket(Bucket=name)
        return Bucket(store=self, name=name)

    def demand_credentials(self, after: bytes) -> None:
        """Refuse the test's made-up credentials after so many requests; b"inf" is never."""
        request = urllib.request.Request(  # noqa: S310  loopback
            f"{self.url}/moto-api/reset-auth", data=after, headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()  # noqa: S310  loopback


@dataclass(frozen=True)
class Bucket:
    """One bucket, by another way than the program's."""

    store: Store
    name: str

    def uri(self, path: str = "") -> str:
        """Return a URI with credentials that leads there."""
        secret = SECRET.replace("/", "%2F")
        return f"s3://{_KEY}:{secret}@{self.name}/{path}?endpoint_override={self.store.url}&region=us-east-1"

    def put(self, key: str, data: bytes) -> None:
        """Put an object."""
        self.store.client.put_object(Bucket=self.name, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        """Return an object's bytes."""
        return bytes(self.store.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.store.client.delete_object(Bucket=self.name, Key=key)

    def objects(self) -> list[str]:
        """Return all keys but markers of folders."""
        found = self.store.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(one["Key"] for one in found if not one["Key"].endswith("/"))


@contextmanager
def store() -> Iterator[Store]:
    """Serve S3 on a free port of loopback."""
    state = Store()
    backend = DomainDispatcherApplication(create_backend_app)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        state.requests.append(asked)
        status = None if asked[1].startswith("/moto-api") else state.hook(*asked)
        if status is None:
            return backend(environ, start_response)
        chunked = environ.get("wsgi.input_terminated")
        environ["wsgi.input"].read(-1 if chunked else int(environ.get("CONTENT_LENGTH") or 0))
        start_response(f"{status} told", [("Content-Length", "0")])
        return [b""]

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    state.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "test")
    state.client = boto3.client("s3", endpoint_url=state.url, region_name="us-east-1", **keys)
    try:
        yield state
    finally:
        state.client.close()
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  its signature
        """Say nothing."""
