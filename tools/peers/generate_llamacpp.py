"""llama.cpp's side of bench/speed, through the C interface that llama-cpp-python binds: llama_decode and the logits of the
last position, whose largest is the next token. Modes: "bf16" (flash attention, F16 cache) and "bf16 no-flash"."""

import ctypes
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

import side
import llama_cpp as ll


class Batch:
    """A llama_batch of at most n tokens."""

    def __init__(self, n: int):
        self.raw = ll.llama_batch_init(n, 0, 1)

    def fill(self, rows) -> "Batch":
        """rows of (token, position, sequence, whether logits are wanted)"""
        b = self.raw
        for i, (token, at, seq, wanted) in enumerate(rows):
            b.token[i], b.pos[i], b.n_seq_id[i], b.logits[i] = token, at, 1, wanted
            b.seq_id[i][0] = seq
        b.n_tokens = len(rows)
        return self


class Context:
    def __init__(self, model, vocab: int, job: dict, seqs: int, flash: bool):
        p = ll.llama_context_default_params()
        p.n_ctx, p.n_seq_max, p.n_batch = seqs * job["t"], seqs, max(job["t"], seqs)
        p.n_threads = p.n_threads_batch = job["threads"]
        p.flash_attn_type = 1 if flash else 0
        p.kv_unified = False  # sequences share no prefix: what llama.h recommends then
        p.no_perf = True
        self.ctx = ll.llama_init_from_model(model, p)
        if not self.ctx:
            raise RuntimeError("llama_init_from_model failed")
        self.vocab, self.ubatch = vocab, p.n_ubatch
        self.batch = Batch(max(job["t"], seqs))

    def clear(self) -> None:
        ll.llama_memory_clear(ll.llama_get_memory(self.ctx), False)

    def decode(self, rows) -> None:
        self.run(self.batch.fill(rows))

    def run(self, batch: Batch) -> None:
        got = ll.llama_decode(self.ctx, batch.raw)
        if got != 0:
            raise RuntimeError(f"llama_decode returned {got}")

    def logits(self, i: int) -> np.ndarray:
        """of the batch's row i, -1 is the last; waits"""
        return np.ctypeslib.as_array(ll.llama_get_logits_ith(self.ctx, i), (self.vocab,))


def open_side(job: dict):
    if job["mode"] not in ("bf16", "bf16 no-flash"):
        raise ValueError(f"mode is {job['mode']!r}")
    quiet = ll.llama_log_callback(lambda level, text, data: None)
    ll.llama_log_set(quiet, ctypes.c_void_p(0))
    ll.llama_backend_init()
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: torch's memory is not llama.cpp's.
        path = f"{folder}/model.gguf"
        subprocess.run([sys.executable, f"{os.path.dirname(__file__)}/make_gguf.py", job["folder"], path], check=True, stdout=sys.stderr)
        model = ll.llama_model_load_from_file(path.encode(), ll.llama_model_default_params())
    if not model:
        raise RuntimeError("llama.cpp does not load the GGUF file")
    vocab = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(model))
    flash = job["mode"] == "bf16"
    one, many = (Context(model, vocab, job, n, flash) for n in (1, job["seqs"]))
    prompts = np.fromfile(job["tokens"], dtype="<i4").reshape(job["seqs"], job["t"]).tolist()

    def prefill(prompt: list) -> float:
        one.clear()
        # Filled outside the time: Python is slow at it, and a program in C would not be.
        batch = one.batch.fill([(t, i, 0, i == len(prompt) - 1) for i, t in enumerate(prompt)])
        began = time.perf_counter()
        one.run(batch)
        one.logits(-1).argmax()
        return time.perf_counter() - began

    def decode(c: Context, seqs: int) -> float:
        c.clear()
        last = []
        for s in range(seqs):
            prompt = prompts[s][: job["prompt"]]
            c.decode([(t, i, s, i == len(prompt) - 1) for i, t in enumerate(prompt)])
            last.append(int(c.logits(-1).argmax()))
        began = time.perf_counter()
        for at in range(job["prompt"], job["prompt"] + job["new"]):
            c.decode([(t, at, s, True) for s, t in enumerate(last)])
            last = [int(c.logits(s).argmax()) for s in range(seqs)]
        return time.perf_counter() - began

    def turn(work: str, count: int) -> dict:
        if work == "prefill":
            seconds = [prefill(prompts[i % len(prompts)]) for i in range(count)]
            return {"seconds": seconds, "logits": [float(x) for x in one.logits(-1)[:64]]}
        if work == "decode":
            return {"seconds": [decode(one, 1) for _ in range(count)]}
        if work == "batched":
            return {"seconds": [decode(many, job["seqs"]) for _ in range(count)]}
        raise ValueError(f"a side that generates cannot {work}")

    built = ll.llama_print_system_info().decode().strip()
    name = f"llama.cpp (llama-cpp-python {ll.__version__}), bf16, {'flash attention' if flash else 'no flash attention'}"
    return name, [built, f"ubatch {one.ubatch}, f16 cache, {job['threads']} threads"], turn


side.serve(open_side)
