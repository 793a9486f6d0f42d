#!/usr/bin/env python3
"""Makes model/testdata/goldens: tiny random models and what Hugging Face transformers computes with them.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.23.0
    venv/bin/python model/testdata/make_goldens.py

Each folder holds a model as users have them (config.json in the layout of transformers 4 or 5, safetensors in one file or in
shards, f32, bf16 or f16) and two files of expectations, all computed in f32 on the CPU from the stored weights:

    golden.json         rows of token ids, the mean loss over all next tokens, a prompt and its 64 greedy tokens
    golden.safetensors  "logits" [rows, T, vocab] and the gradient of that mean loss, "grad.<parameter>", for every parameter

The folder is read back through AutoModelForCausalLM before anything is computed, so a folder here is one that transformers loads.
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

OUT = pathlib.Path(__file__).parent / "goldens"
PROMPT, NEW = 8, 64

# Wavelengths of head_dim 16, theta 10000 are 6.3, 19.9, 62.8 ... positions: with 32 original positions and factors 1 and 4 the
# first stays, the second is blended, the rest are stretched, so all three branches of the Llama 3 rule are in play.
LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=32)


def default_rope(theta):
    return dict(rope_type="default", rope_theta=theta)


# name: family, layout of config.json, dtype, bytes a shard (None: one file), T, fields
MODELS = {
    "llama2-mha": ("llama", 4, torch.float32, None, 24, dict(
        vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        rms_norm_eps=1e-5, rope_parameters=default_rope(10000.0), tie_word_embeddings=False)),
    "llama-gqa-odd": ("llama", 5, torch.bfloat16, None, 29, dict(
        vocab_size=101, hidden_size=36, intermediate_size=50, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
        rms_norm_eps=1e-6, rope_parameters=default_rope(500000.0), tie_word_embeddings=False)),
    "llama3-tied": ("llama", 5, torch.bfloat16, "24KB", 40, dict(
        vocab_size=128, hidden_size=64, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        rms_norm_eps=1e-5, rope_parameters=LLAMA3_ROPE, tie_word_embeddings=True)),
    "llama3-headdim": ("llama", 4, torch.float16, "16KB", 37, dict(
        vocab_size=113, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1,
        head_dim=16, rms_norm_eps=1e-4, rope_parameters=LLAMA3_ROPE | dict(rope_theta=500000.0, factor=4.0),
        tie_word_embeddings=False)),
    "mistral-window": ("mistral", 4, torch.bfloat16, None, 32, dict(
        vocab_size=100, hidden_size=32, intermediate_size=60, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        rms_norm_eps=1e-5, rope_parameters=default_rope(10000.0), sliding_window=7, tie_word_embeddings=False)),
    "mistral-full-tied": ("mistral", 5, torch.float32, "40KB", 26, dict(
        vocab_size=97, hidden_size=40, intermediate_size=44, num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=1,
        head_dim=12, rms_norm_eps=1e-6, rope_parameters=default_rope(1000000.0), sliding_window=None,
        tie_word_embeddings=True)),
    "mistral-window-odd": ("mistral", 5, torch.float16, None, 31, dict(
        vocab_size=131, hidden_size=42, intermediate_size=39, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=3,
        rms_norm_eps=1e-3, rope_parameters=default_rope(10000.0), sliding_window=9, tie_word_embeddings=False)),
}


def to_layout_4(path):
    """Rewrites config.json as transformers 4 had it: rope_theta and rope_scaling beside each other, torch_dtype."""
    c = json.loads(path.read_text())
    rope = c.pop("rope_parameters")
    c["rope_theta"] = rope.pop("rope_theta")
    c["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    c["torch_dtype"] = c.pop("dtype")
    if c["head_dim"] * c["num_attention_heads"] == c["hidden_size"]:
        del c["head_dim"]  # older files leave the derived value out
    c["transformers_version"] = "4.44.2"
    path.write_text(json.dumps(c, indent=2, sort_keys=True) + "\n")


def make(seed, name, family, layout, dtype, shard, t, fields):
    torch.manual_seed(seed)
    config_class, model_class = {"llama": (LlamaConfig, LlamaForCausalLM), "mistral": (MistralConfig, MistralForCausalLM)}[family]
    config = config_class(max_position_embeddings=128, bos_token_id=1, eos_token_id=2, **fields)
    model = model_class(config)
    with torch.no_grad():
        for p in model.parameters():  # far from the flat outputs of a fresh model, so that errors show
            if p.dim() == 1:
                p.copy_(1 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (1.2 / p.shape[1] ** 0.5))
    folder = OUT / name
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if layout == 4:
        to_layout_4(folder / "config.json")

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(3, fields["vocab_size"], (2, t))
    out = model(input_ids=ids, labels=ids)
    out.loss.backward()
    tensors = {"logits": out.logits.detach().contiguous()}
    for n, p in model.named_parameters():
        tensors["grad." + n] = p.grad.contiguous()
    save_file(tensors, folder / "golden.safetensors")

    prompt = ids[0, :PROMPT]
    greedy = model.generate(prompt[None], attention_mask=torch.ones_like(prompt[None]), max_new_tokens=NEW, min_new_tokens=NEW,
                            do_sample=False, use_cache=True, eos_token_id=None, pad_token_id=0)[0, PROMPT:]
    full = model(input_ids=torch.cat([prompt, greedy])[None]).logits[0, PROMPT - 1:-1]
    top = full.topk(2).values
    gap = (top[:, 0] - top[:, 1]).min().item()
    if not torch.equal(full.argmax(-1), greedy) or gap < 1e-3:
        return False  # too close to call in f32: another seed
    (folder / "golden.json").write_text(json.dumps(
        dict(tokens=ids.tolist(), loss=out.loss.item(), prompt=prompt.tolist(), greedy=greedy.tolist())) + "\n")
    print(f"{name}: loss {out.loss.item():.4f}, smallest gap of greedy logits {gap:.4f}, {len(set(greedy.tolist()))} different tokens")
    return True


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for seed, (name, args) in enumerate(MODELS.items()):
        while not make(seed, name, *args):
            shutil.rmtree(OUT / name)
            seed += 100


if __name__ == "__main__":
    main()
