"""PyTorch's side of gpu-check: answers one case a line, as bench/gpu/case.go describes both, until the input ends."""

import argparse
import json
import platform
import sys

# Answers go to the real standard output; whatever libraries print goes to standard error.
ANSWERS = sys.stdout
sys.stdout = sys.stderr


def describe(torch, device: str) -> dict:
    """Versions, and what the device is."""
    about = {"PyTorch": torch.__version__, "Python": platform.python_version(), "device": device}
    if device == "cuda":
        about |= {
            "gpu": torch.cuda.get_device_name(),
            "CUDA of PyTorch": str(torch.version.cuda),
            "cuDNN": str(torch.backends.cudnn.version()),
        }
    return {"about": about}


def open_device(device: str):
    """Imports PyTorch and checks that it has the device."""
    try:
        import torch
    except ImportError as e:
        raise RuntimeError(f"peer: PyTorch not found in {sys.executable}: {e}") from e
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(f"peer: PyTorch {torch.__version__} sees no GPU")
    return torch


def answer(case: dict, device: str) -> dict:
    torch = open_device(device)
    if case["kind"] == "describe":
        return describe(torch, device)
    if case["kind"] == "attention":
        import attention

        return attention.measure(case, device)
    if case["kind"] == "train":
        import training

        return training.measure(case, device)
    raise ValueError(f"no kind of case is called {case['kind']!r} here")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    device = flags.parse_args().device
    for line in sys.stdin:
        try:
            said = answer(json.loads(line), device)
        except Exception as e:  # it belongs to this case; the next may go well
            said = {"error": f"{type(e).__name__}: {e}"}
        try:
            line = json.dumps(said, allow_nan=False)
        except ValueError:
            line = json.dumps({"error": f"a figure that is not finite: {said}"})
        ANSWERS.write(line + "\n")
        ANSWERS.flush()


if __name__ == "__main__":
    main()
