"""The conversation of bench/speed with a side (bench/speed/worker.go): one JSON object a line."""

import json
import re
import sys
import time

# Answers go to the real standard output; whatever libraries print goes to standard error.
_answers = sys.stdout
sys.stdout = sys.stderr


def resident(field: str) -> int:
    """A line of /proc/self/status in bytes: VmRSS, resident now, or VmHWM, at most."""
    with open("/proc/self/status") as f:
        found = re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M)
    return int(found[1]) << 10 if found else 0


def forget_peak() -> None:
    """Makes VmHWM begin anew; where that is not to be had the peak since the start stands."""
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass


def serve(open_side) -> None:
    """open_side(job) returns (name, settings, turn); turn(work, count) returns the answer's fields."""
    job = json.loads(sys.stdin.readline())
    base = resident("VmRSS")
    try:
        name, settings, turn = open_side(job)
    except Exception as e:
        _say({"error": f"{type(e).__name__}: {e}"})
        raise
    _say({"side": name, "settings": settings})
    first = True
    for line in sys.stdin:
        question = json.loads(line)
        before = time.process_time()
        try:
            answer = turn(question["work"], question["count"])
        except Exception as e:
            _say({"error": f"{type(e).__name__}: {e}"})
            raise
        if first:
            forget_peak()
            first = False
        _say(answer | {"cpu": time.process_time() - before, "base": base, "peak": resident("VmHWM")})


def _say(answer: dict) -> None:
    _answers.write(json.dumps(answer) + "\n")
    _answers.flush()
