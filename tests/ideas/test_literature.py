"""Looking for papers: what is found is kept; a service that fails costs a bounded wait."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bonsai.ideas import literature
from bonsai.ideas.literature import NOT_REACHABLE, OPENALEX, SEMANTIC_SCHOLAR, Literature
from bonsai.templates.contract import Idea

IDEA = Idea(Name="a", Title="Prune early", Experiment="Do it.", Keywords=["pruning", "schedule"])
WORK = {
    "id": "https://openalex.org/W1", "display_name": "The Lottery\n Ticket", "doi": None,
    "publication_year": 2019,
}  # fmt: skip
PAPER = {"paperId": "p", "title": "Rigging it", "year": None, "url": "https://s2.example/p"}
HANGS, TRICKLES = "hangs", "trickles"


class _Library:
    """Answers for both services, each under a path of its own, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        library = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                library.asked.append((parts.path, query))
                answer = library.answers.get(parts.path, 404)
                if answer == HANGS:
                    library.over.wait(20)
                    return
                self.send_response(answer if isinstance(answer, int) else 200)
                self.end_headers()
                if answer == TRICKLES:
                    while not library.over.wait(0.05):
                        self.wfile.write(b" ")
                elif isinstance(answer, bytes):
                    self.wfile.write(answer)
                elif not isinstance(answer, int):
                    self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.services = (
            replace(OPENALEX, url=f"{url}/openalex"),
            replace(SEMANTIC_SCHOLAR, url=f"{url}/s2"),
        )

    def search(self, seconds: float = 10.0) -> Any:
        return Literature(self.services, seconds).search(IDEA)


@pytest.fixture
def library() -> Iterator[_Library]:
    library = _Library()
    thread = threading.Thread(
        target=library.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield library
    library.over.set()
    library.server.shutdown()
    library.server.server_close()
    thread.join()


def test_papers_of_openalex_are_kept_with_title_year_and_address(library: _Library) -> None:
    library.answers["/openalex"] = {"meta": {"count": 1}, "results": [WORK]}
    assert library.search() == {
        "searched": "openalex",
        "query": "pruning schedule",
        "papers": [{"title": "The Lottery Ticket", "year": 2019, "url": "https://openalex.org/W1"}],
    }
    [(_, query)] = library.asked
    assert query["search"] == "pruning schedule"


def test_semantic_scholar_is_asked_where_openalex_fails(library: _Library) -> None:
    library.answers |= {"/openalex": 429, "/s2": {"total": 1, "offset": 0, "data": [PAPER]}}
    found = library.search()
    assert found["searched"] == "semantic_scholar"
    assert found["papers"] == [{"title": "Rigging it", "year": None, "url": "https://s2.example/p"}]


@pytest.mark.parametrize(
    "answers",
    [
        {"/openalex": {"meta": {"count": 0}, "results": []}},
        {"/openalex": 500, "/s2": {"total": 0, "offset": 0}},
    ],
)
def test_that_nothing_was_found_is_an_answer(library: _Library, answers: dict[str, Any]) -> None:
    library.answers |= answers
    found = library.search()
    assert found["papers"] == []
    assert "no paper; that proves little" in literature.describe(found)


@pytest.mark.parametrize("silence", [HANGS, TRICKLES])
def test_a_service_that_does_not_come_to_an_end_costs_a_bounded_wait(
    library: _Library, silence: str
) -> None:
    library.answers |= {"/openalex": silence, "/s2": silence}
    started = time.monotonic()
    assert library.search(seconds=0.6) == NOT_REACHABLE
    assert 0.5 < time.monotonic() - started < 3


@pytest.mark.parametrize(
    "rubbish",
    [
        b"<html>maintenance</html>", b"", b"\xff\xfe", [], {}, {"results": [{}], "total": 1}, 302,
        {"results": "none", "total": 1, "data": [7]}, b" " * 3_000_000,
        {"results": [{**WORK, "publication_year": "soon"}], "total": "many", "data": None},
    ],
)  # fmt: skip
def test_rubbish_counts_as_no_answer(library: _Library, rubbish: Any) -> None:
    library.answers |= {"/openalex": rubbish, "/s2": rubbish}
    assert library.search() == NOT_REACHABLE


def test_services_that_stay_silent_are_not_asked_for_ever(library: _Library) -> None:
    several = Literature(library.services)
    assert [several.search(IDEA) for _ in range(5)] == [NOT_REACHABLE] * 5
    assert len(library.asked) == literature.GIVE_UP_AFTER * 2


def test_the_title_is_searched_for_where_there_are_no_keywords() -> None:
    assert literature.query_of(Idea(Name="a", Title="Prune, early", Experiment="x")) == (
        "Prune early"
    )
