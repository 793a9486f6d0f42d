#!/usr/bin/env python3
"""check_load.py FOLDER GOLDEN: loads FOLDER in transformers and compares its logits with GOLDEN's, bit for bit."""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

folder, golden = map(pathlib.Path, sys.argv[1:])
model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
bad = {k: v for k, v in info.items() if v}
assert not bad, bad
want = load_file(golden / "golden.safetensors")["logits"]
ids = torch.tensor(json.loads((golden / "golden.json").read_text())["tokens"])
got = model.eval()(input_ids=ids).logits
assert torch.equal(got, want), (got - want).abs().max()
print("equal")
