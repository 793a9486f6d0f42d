"""Times functions as bench/gpu/fixture.go does: warm up, then rounds of about two milliseconds each, a call ahead of each."""

import time

import torch

ROUND_SECONDS = 2e-3
MOST_CALLS = 64


def once(device: str, f, ahead=None) -> float:
    """Seconds that the device takes for what f issues: by events on a GPU, by the host's clock on a CPU.

    On a GPU ahead is issued before the first event, so that the device is still busy when what is timed arrives.
    """
    if device == "cpu":
        began = time.perf_counter()
        f()
        return time.perf_counter() - began
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    if ahead:
        ahead()
    begin.record()
    f()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000


def measure(device: str, rounds: int, f) -> dict:
    """The fields of an answer: seconds of one call in each round."""
    once(device, f)
    calls = max(1, min(MOST_CALLS, int(ROUND_SECONDS / max(once(device, f), 1e-9))))

    def several():
        for _ in range(calls):
            f()

    seconds = [once(device, several, ahead=f) / calls for _ in range(rounds)]
    return {"seconds": seconds, "clock": "host" if device == "cpu" else "events"}
