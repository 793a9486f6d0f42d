"""Writes a GGUF file from a Llama folder that Primer wrote: for timing only. A byte-level tokenizer.json in it comes along.

usage: make_gguf.py FOLDER FILE
"""

import json
import os
import sys

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

NAMES = {
    "input_layernorm": gguf.MODEL_TENSOR.ATTN_NORM,
    "self_attn.q_proj": gguf.MODEL_TENSOR.ATTN_Q,
    "self_attn.k_proj": gguf.MODEL_TENSOR.ATTN_K,
    "self_attn.v_proj": gguf.MODEL_TENSOR.ATTN_V,
    "self_attn.o_proj": gguf.MODEL_TENSOR.ATTN_OUT,
    "post_attention_layernorm": gguf.MODEL_TENSOR.FFN_NORM,
    "mlp.gate_proj": gguf.MODEL_TENSOR.FFN_GATE,
    "mlp.up_proj": gguf.MODEL_TENSOR.FFN_UP,
    "mlp.down_proj": gguf.MODEL_TENSOR.FFN_DOWN,
    "embed_tokens": gguf.MODEL_TENSOR.TOKEN_EMBD,
    "norm": gguf.MODEL_TENSOR.OUTPUT_NORM,
    "lm_head": gguf.MODEL_TENSOR.OUTPUT,
}


def interleaved(w: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp rotates neighbouring pairs, Hugging Face the two halves of a head: the rows of q and k are reordered."""
    return w.view(heads, 2, -1, w.shape[1]).transpose(1, 2).reshape(w.shape)


def add(writer: gguf.GGUFWriter, name: str, w: torch.Tensor, c: dict) -> None:
    parts = name.removeprefix("model.").removesuffix(".weight").split(".")
    layer = parts[1] if parts[0] == "layers" else ""
    role = ".".join(parts[2:] if layer else parts)
    to = gguf.TENSOR_NAMES[NAMES[role]].format(bid=layer) + ".weight"
    if role.endswith(("q_proj", "k_proj")):
        w = interleaved(w, c["num_attention_heads" if role.endswith("q_proj") else "num_key_value_heads"])
    if w.dim() == 1:  # norms are f32 in every GGUF
        writer.add_tensor(to, w.float().numpy())
    else:
        raw = w.to(torch.bfloat16).contiguous().view(torch.int16).numpy().view(np.uint8)
        writer.add_tensor(to, raw, raw_shape=raw.shape, raw_dtype=gguf.GGMLQuantizationType.BF16)


def add_tokenizer(writer: gguf.GGUFWriter, path: str) -> None:
    """llama.cpp's name for byte-level BPE with GPT-2's pattern is "gpt2"."""
    if not os.path.exists(path):
        writer.add_tokenizer_model("no_vocab")
        return
    with open(path) as f:
        t = json.load(f)
    pieces = sorted(t["model"]["vocab"], key=t["model"]["vocab"].get)
    special = {a["content"]: a["id"] for a in t["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(pieces)
    writer.add_token_types([gguf.TokenType.CONTROL if p in special else gguf.TokenType.NORMAL for p in pieces])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]])
    writer.add_bos_token_id(special["<s>"])
    writer.add_eos_token_id(special["</s>"])
    writer.add_add_bos_token(False)


def main(folder: str, path: str) -> None:
    with open(f"{folder}/config.json") as f:
        c = json.load(f)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(c["hidden_size"])
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_rope_dimension_count(c["head_dim"])
    writer.add_rope_freq_base(c["rope_theta"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_vocab_size(c["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    add_tokenizer(writer, f"{folder}/tokenizer.json")
    for name, w in load_file(f"{folder}/model.safetensors").items():
        add(writer, name, w, c)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(*sys.argv[1:])
