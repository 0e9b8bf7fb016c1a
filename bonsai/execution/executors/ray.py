"""Programs on a Ray cluster (https://docs.ray.io): each is a task that takes CPUs, perhaps GPUs."""

from __future__ import annotations

import importlib
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from bonsai.base import BonsaiError
from bonsai.execution import sandbox
from bonsai.execution.execute import ALLOWED, Cancelled, Execution, cores
from bonsai.execution.executors.remote import (
    Delivery,
    MachineLost,
    Parcel,
    Refusal,
    RemoteExecutor,
    work,
)

MISSING = "--executor ray needs the package ray: pip install 'bonsai-experiments[ray]'"
CONNECT_SECONDS = 5.0
LINE_SECONDS = 0.5  # how often a line of progress travels
GLANCE_SECONDS = 0.2
CANCEL_SECONDS = 4.0  # how long to wait for the end of a program that is cancelled
MORE_SECONDS = 120.0  # than a program may take, until a machine that has begun counts as lost


class RayExecutor(RemoteExecutor):
    """Runs programs on a Ray cluster."""

    name = "ray"

    def __init__(
        self,
        address: str | None = None,
        *,
        threads: int,
        gpus_per_run: float | None = None,
        sandbox: sandbox.Mode = "auto",
        say: Callable[[str], None],
    ) -> None:
        """Join a cluster.

        Args:
            address: of the cluster; None: the one that this machine belongs to, else one that is
                started here for as long as this executor is open.
            threads: CPUs that each program takes.
            gpus_per_run: GPUs that each takes; None: one, where the cluster has any.
            sandbox: whether programs must run within walls.
            say: hears of lost machines, and of those without walls.

        Raises:
            BonsaiError: ray is not installed, no cluster answers, or none of its machines is large
                enough.
        """
        super().__init__(sandbox, say)
        for name, value in QUIET.items():  # read when the package is imported
            os.environ.setdefault(name, value)
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise BonsaiError(MISSING) from error
        self._join(address)
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if gpus_per_run is None:
            gpus_per_run = float(any(node.get("GPU") for node in nodes))
        self._slots = sum(_room(node, threads, gpus_per_run) for node in nodes)
        if not self._slots:
            self.close()
            gpus = f" and {gpus_per_run:g} GPUs" if gpus_per_run else ""
            raise BonsaiError(
                f"no machine of the Ray cluster has the {threads} CPUs{gpus} that one run takes; "
                "see --threads and --gpus-per-run"
            )
        several = "s" * (len(nodes) > 1)
        say(f"Ray: {len(nodes)} machine{several}, runs that have room: {self._slots}")
        self._task = self._ray.remote(
            # What runs again is decided here: a program that takes its worker with it must not.
            num_cpus=threads, num_gpus=gpus_per_run, num_returns="streaming", max_retries=0,
        )(_task)  # fmt: skip

    @property
    def slots(self) -> int:
        """As many programs as the cluster's CPUs and GPUs allowed when it was joined."""
        return self._slots

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()

    def send(
        self, parcel: Parcel, on_line: Callable[[str], None] | None, cancel: threading.Event
    ) -> Delivery | Refusal:
        """See `RemoteExecutor.send`."""
        faults = self._ray.exceptions
        stream = self._task.remote(parcel)
        until = math.inf  # it may have to wait for room, for as long as others need it
        try:
            while not cancel.is_set():
                if not self._ray.wait([stream], timeout=GLANCE_SECONDS)[0]:
                    if time.monotonic() > until:
                        self._cancel(stream)
                        raise MachineLost("it does not answer")
                    continue
                item = self._ray.get(next(stream))
                if isinstance(item, (Delivery, Refusal)):
                    return item
                if until == math.inf:  # the first sign of life
                    until = time.monotonic() + parcel.program.seconds + MORE_SECONDS
                if on_line:
                    on_line(item)
        except (
            StopIteration, faults.NodeDiedError, faults.WorkerCrashedError,
            faults.LocalRayletDiedError, faults.ObjectLostError, faults.TaskCancelledError,
        ) as error:  # fmt: skip
            raise MachineLost(type(error).__name__) from error
        except faults.OutOfMemoryError:
            reason = "its machine had no memory left"
            return Delivery(Execution(-9, reason, 0.0, "", "", "unknown"), b"", b"", b"", "", None)
        except faults.RayTaskError as error:
            cause = str(error.cause).strip().splitlines() or [type(error.cause).__name__]
            raise BonsaiError(
                f"a machine of the Ray cluster cannot run programs ({cause[-1]}); install the same "
                "bonsai-experiments[ray] on every one"
            ) from error
        except faults.RayError as error:
            raise BonsaiError(f"Ray: {str(error).strip().splitlines()[0]}") from error
        self._cancel(stream)
        raise Cancelled

    def _cancel(self, stream: Any) -> None:
        """Have a program killed, and wait a moment until it is.

        Not by asking for its last words: a task that does not heed would be waited for for ever.
        """
        self._ray.cancel(stream)
        self._ray.wait([stream.completed()], timeout=CANCEL_SECONDS)

    def _join(self, address: str | None) -> None:
        address = address or os.environ.get("RAY_ADDRESS")
        if address is not None:
            _must_answer(address)
        quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        stop = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(address=address or "auto", **quietly)
        except ConnectionError:  # this machine belongs to no cluster
            with _without_secrets():  # which the workers would inherit
                self._ray.init(
                    address="local", num_cpus=cores(), include_dashboard=False, **quietly
                )
        except (RuntimeError, ValueError) as error:
            raise BonsaiError(f"the Ray cluster at {address} cannot be joined: {error}") from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, stop)  # Ray takes it for itself


QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # else a call after the end would start a cluster again
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a program that asks for no GPU sees none
}
WORKER_NEEDS = (*ALLOWED, "HOME", "USER", "TMPDIR", "PYTHONPATH", "BONSAI_DATA", "XDG_CACHE_HOME")


def _must_answer(address: str) -> None:
    """Find out in seconds what Ray finds out in minutes.

    Raises:
        BonsaiError: nothing listens at this address.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise BonsaiError(
            f"no Ray cluster answers at {address} ({error}); give HOST:PORT as `ray start --head` "
            "prints it, on a machine of the cluster"
        ) from error


@contextmanager
def _without_secrets() -> Iterator[None]:
    """Only what a worker needs in the environment."""
    kept = dict(os.environ)
    for name in kept:
        if name not in WORKER_NEEDS and not name.startswith("RAY_"):
            del os.environ[name]
    try:
        yield
    finally:
        os.environ.update({name: value for name, value in kept.items() if name not in os.environ})


def _room(node: dict[str, float], threads: int, gpus: float) -> int:
    """How many programs fit on a machine side by side."""
    room = node.get("CPU", 0.0) // threads
    return int(min(room, node.get("GPU", 0.0) / gpus) if gpus else room)


def _task(parcel: Parcel) -> Iterator[str | Delivery | Refusal]:
    """On the worker: lines of progress while the program runs, and what came of it at last."""
    line = [""]
    cancel = threading.Event()
    yield line[0]  # to say that it has begun

    def hear(text: str) -> None:
        line[0] = text

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, parcel, on_line=hear, cancel=cancel)
        try:
            told = ""
            while not wait([future], timeout=LINE_SECONDS).done:
                if line[0] != told:
                    yield (told := line[0])
            yield future.result()
        finally:
            cancel.set()  # Ray interrupts what is cancelled, wherever it stands
