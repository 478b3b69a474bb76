"""A real MLflow store and server for the tests, and a proxy that makes the server bad."""

import http.client
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

from autometa.tracking import process
from autometa.tracking.events import DatasetInfo, ModelInfo, StudyInfo, Told
from autometa.tracking.tracker import Tracker
from autometa.tracking.uris import default_uris, sqlite_uri
from autometa.trial import Outcome, TrialResult


@pytest.fixture(scope="package", autouse=True)
def mlflow_settings():
    """Sets for this process what the tracker process sets for itself, then imports MLflow."""
    before = dict(os.environ)
    os.environ.update(process._SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own imports
        import mlflow.pyfunc
        import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="package")
def empty_store(tmp_path_factory, mlflow_settings):
    """Gives a SQLite file with MLflow's tables, which take two seconds to make."""
    from autometa.tracking.store import MlflowStore

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowStore(sqlite_uri(path)).close()
    return path


@pytest.fixture
def workspace(tmp_path, empty_store):
    """Gives a workspace whose store has its tables."""
    home = tmp_path / ".autometa"
    home.mkdir()
    shutil.copy(empty_store, home / "mlflow.db")
    return tmp_path


@pytest.fixture
def client():
    """Gives MLflow's client of a tracking URI."""
    from mlflow import MlflowClient

    return lambda uri: MlflowClient(tracking_uri=uri)


class Clock:
    """Gives moments one second apart."""

    def __init__(self):
        self.ms = 1_700_000_000_000

    def __call__(self):
        self.ms += 1000
        return self.ms


class Study:
    """A study that tells trials; its tracker process is started only if it is asked for."""

    def __init__(self, workspace, name="toy", uri=None, *, spawns=False):
        default, artifacts = default_uris(workspace)
        self.uri = uri or default
        self.folder = workspace / ".autometa" / "studies" / name
        self.name = name
        self.clock = Clock()
        self.tracker = Tracker(
            self.folder, self.uri, experiment="tests", artifacts=artifacts, now_ms=self.clock
        )
        if not spawns:
            self.tracker._process.ensure_running = lambda left_at, is_last=False: None

    def start(self, **more):
        dataset = DatasetInfo(name="iris", digest="d1", source="iris.csv", n_rows=9, target="y")
        info = {"params": {"problem": "classification"}, "dataset": dataset, **more}
        self.tracker.start(StudyInfo(study=self.name, **info))

    def trial(self, number, outcome=Outcome.COMPLETE, **more):
        complete = outcome is Outcome.COMPLETE
        values = {
            "params": {"learner": "ridge", "ridge.alpha": 0.5 + number},
            "values": (1.0 / (number + 1),) if complete else None,
            "fold_scores": (0.25, 0.75),
            "cost_seconds": 0.5,
            "size_kib": 12.0,
            "latency_ms": 0.25,
            "reason": "" if complete else f"because {outcome.value}",
            **more,
        }
        told = Told(
            objectives=["log_loss"],
            started_ms=self.clock(),
            ended_ms=self.clock(),
            best_so_far=1.0 / (number + 1),
        )
        self.tracker.trial(TrialResult(number=number, outcome=outcome, **values), told)

    def tell(self, n_trials, first=0):
        for number in range(first, first + n_trials):
            self.trial(number)

    def replay(self):
        """Replays here, in this process."""
        process.run(self.folder)
        return self.tracker.status()


@pytest.fixture
def study(workspace):
    made = Study(workspace)
    yield made
    made.tracker.close()


class Runs:
    """What a store has of one study."""

    def __init__(self, client, run_id):
        self.client = client
        self.parent = client.get_run(run_id)
        found = client.search_runs(
            [self.parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"
        )
        self.children = sorted(found, key=lambda run: int(run.data.tags["autometa.trial"]))

    @property
    def numbers(self):
        return [int(run.data.tags["autometa.trial"]) for run in self.children]

    @property
    def statuses(self):
        return [run.info.status for run in self.children]

    def curve(self, key, run=None):
        history = self.client.get_metric_history((run or self.parent).info.run_id, key)
        return sorted((point.step, point.value) for point in history)

    def assert_whole(self, n_trials, status="FINISHED"):
        """Nothing doubled, nothing lost, nothing left running."""
        assert self.numbers == list(range(n_trials))
        assert set(self.statuses) <= {"FINISHED"}
        assert self.parent.info.status == status
        values = [(number, 1.0 / (number + 1)) for number in range(n_trials)]
        assert self.curve("best_so_far") == values
        assert self.curve("value") == values
        for run in self.children:
            assert self.curve("fold_score", run) == [(0, 0.25), (1, 0.75)]
            assert run.data.params["ridge.alpha"]


@pytest.fixture
def runs(client):
    return lambda uri, run_id: Runs(client(uri), run_id)


LOADER = """
class Threshold:
    def __init__(self, limit):
        self.limit = limit

    def predict(self, frame, params=None):
        return (frame["a b"] > self.limit).to_numpy()


def _load_pyfunc(path):
    import pathlib

    return Threshold(float((pathlib.Path(path) / "limit.txt").read_text()))
"""


@pytest.fixture
def winner(tmp_path, monkeypatch):
    """Gives a model folder with its loader module."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "limit.txt").write_text("1.5")
    (tmp_path / "loader_of_test.py").write_text(LOADER)
    monkeypatch.syspath_prepend(tmp_path)
    example = tmp_path / "example.csv"
    example.write_text("a b,c\n1,x\n")
    return ModelInfo(
        path=folder,
        inputs={"a b": "numeric", "c": "categorical"},
        example=example,
        requirements=["autometa-core==0.1.0"],
        loader_module="loader_of_test",
    )


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="package")
def server(tmp_path_factory, mlflow_settings):
    """Gives the address of a real MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri"]
    command += [sqlite_uri(folder / "mlflow.db"), "--artifacts-destination", str(folder / "files")]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONSAFEPATH": "1"}
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(url):
            assert running.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield url
    finally:
        running.terminate()
        running.wait(20)


def _answers(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Proxy:
    """Stands before a server and makes it slow, busy or forgetful.

    Args:
        upstream: The real server.
        port: Where to listen.
    """

    def __init__(self, upstream, port=0):
        self.upstream = upstream.removeprefix("http://")
        self.delay = 0.0
        self.n_requests = 0
        self.refuse = lambda n, path: None
        """Gives the status to answer instead of asking, or None."""
        self.forget = lambda n, path: False
        """Whether to answer 500 although the server did what it was asked."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"  # a connection per request: closed means down

            def handle_any(self):
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *args):
                pass

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.listener = Listener(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}"
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def handle(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.n_requests += 1
        n = self.n_requests
        time.sleep(self.delay)
        status = self.refuse(n, request.path)
        if status is not None:
            self._answer(request, status, {}, b"{}")
            return
        with closing(http.client.HTTPConnection(self.upstream, timeout=60)) as connection:
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
        if self.forget(n, request.path):
            self._answer(request, 500, {}, b"{}")
        else:
            kind = answer.getheader("Content-Type", "application/json")
            self._answer(request, answer.status, {"Content-Type": kind}, content)

    @staticmethod
    def _answer(request, status, headers, body):
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def close(self):
        self.listener.shutdown()
        self.listener.server_close()


@pytest.fixture
def proxy(server):
    made = Proxy(server)
    yield made
    made.close()
