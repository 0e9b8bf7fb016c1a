"""Run a program as AI-Scientist-v2 does: as text, at global scope, in a child, in its folder.

Run:  python v2_interpreter.py PROGRAM WORKSPACE

This follows `ai_scientist/treesearch/interpreter.py` of SakanaAI/AI-Scientist-v2 at a2a6cf4: the
child changes into the workspace, which comes last where Python looks for modules, has queues for
stdout and stderr (`child_proc_setup`, `RedirectQueue`), writes the text to `runfile.py` and does
`exec(compile(code, "runfile.py", "exec"), {})` (`_run_session`), so that there is no `__file__`
and `__name__` is not `__main__`. Its time-out and its log are left out.
"""

from __future__ import annotations

import os
import sys
import traceback
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any


class RedirectQueue:
    """All that takes the place of stdout there; it has no more than these."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def write(self, message: str) -> None:
        self.queue.put(message)

    def flush(self) -> None:
        pass


def run_session(code: str, workspace: str, output: Any, events: Any) -> None:
    os.chdir(workspace)
    sys.path.append(workspace)
    sys.stdout = sys.stderr = RedirectQueue(output)  # type: ignore[assignment]
    scope: dict[str, Any] = {}
    Path("runfile.py").write_text(code)
    try:
        exec(compile(code, "runfile.py", "exec"), scope)
    except BaseException as error:
        output.put("".join(traceback.format_exception(error)))
        events.put(type(error).__name__)
    else:
        events.put(None)
    output.put("<|EOF|>")


def main(program: str, workspace: str) -> int:
    output: Any = Queue()
    events: Any = Queue()
    code = Path(program).read_text()
    process = Process(
        target=run_session, args=(code, str(Path(workspace).resolve()), output, events)
    )
    process.start()
    while (text := output.get()) != "<|EOF|>":
        sys.stdout.write(text)
    problem = events.get()
    process.join()
    return 0 if problem is None else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
