#!/usr/bin/env python3
"""check_load.py FOLDER GOLDEN: loads FOLDER in transformers. Its weights are GOLDEN's bit for bit, and its logits are
those that were stored with GOLDEN, up to the rounding in which processors differ (another order of a product's sums)."""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def load(folder):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    bad = {k: v for k, v in info.items() if v}
    assert not bad, (folder, bad)
    return model.eval()


folder, golden = map(pathlib.Path, sys.argv[1:])
written, source = load(folder), load(golden).state_dict()
assert written.state_dict().keys() == source.keys()
for name, tensor in written.state_dict().items():
    assert torch.equal(tensor, source[name]), name

want = load_file(golden / "golden.safetensors")["logits"]
ids = torch.tensor(json.loads((golden / "golden.json").read_text())["tokens"])
got = written(input_ids=ids).logits
assert torch.allclose(got, want, rtol=1e-5, atol=1e-4), (got - want).abs().max()
print("equal")
