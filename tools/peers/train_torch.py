"""PyTorch's side of bench/speed: one training step of a plain Llama, as people write it.

Modes: "f32" or "bf16" (autocast over f32 weights), eager or "… compiled" (torch.compile of forward, loss and backward).
Fused kernels wherever PyTorch has them: rms_norm, scaled_dot_product_attention, cross_entropy, AdamW. The matrices of
q,k,v and of gate,up are one each, as ours are.
"""

import time

import side
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Block(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        hidden, inner = c["hidden_size"], c["intermediate_size"]
        self.heads, self.eps = c["num_attention_heads"], c["rms_norm_eps"]
        self.input_norm = nn.Parameter(torch.empty(hidden))
        self.qkv = nn.Linear(hidden, 3 * hidden, bias=False)
        self.out = nn.Linear(hidden, hidden, bias=False)
        self.post_norm = nn.Parameter(torch.empty(hidden))
        self.gate_up = nn.Linear(hidden, 2 * inner, bias=False)
        self.down = nn.Linear(inner, hidden, bias=False)

    def forward(self, x, cos, sin):  # x [B,T,C], cos and sin [T,D]
        b, t, hidden = x.shape
        h = F.rms_norm(x, (hidden,), self.input_norm, self.eps)
        q, k, v = self.qkv(h).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # [B,H,T,D]
        a = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        x = x + self.out(a.transpose(1, 2).reshape(b, t, hidden))
        h = F.rms_norm(x, (hidden,), self.post_norm, self.eps)
        gate, up = self.gate_up(h).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-b, a), dim=-1) * sin).to(x.dtype)


class Llama(nn.Module):
    def __init__(self, c: dict, length: int):
        super().__init__()
        self.c, head = c, c["head_dim"]
        self.embed = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = nn.Parameter(torch.empty(c["hidden_size"]))
        inverse = 1.0 / c["rope_theta"] ** (torch.arange(0, head, 2) / head)
        angles = torch.outer(torch.arange(length), inverse).repeat(1, 2)  # [T,D]
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens, targets):  # [B,T] both; returns the mean loss
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        x = F.rms_norm(x, (x.shape[-1],), self.norm, self.c["rms_norm_eps"])
        logits = F.linear(x, self.embed.weight)  # tied
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def load(self, folder: str) -> None:
        stored = load_file(f"{folder}/model.safetensors")
        with torch.no_grad():
            self.embed.weight.copy_(stored.pop("model.embed_tokens.weight"))
            self.norm.copy_(stored.pop("model.norm.weight"))
            for i, b in enumerate(self.blocks):
                take = lambda name: stored.pop(f"model.layers.{i}.{name}.weight")
                b.input_norm.copy_(take("input_layernorm"))
                b.post_norm.copy_(take("post_attention_layernorm"))
                b.qkv.weight.copy_(torch.cat([take(f"self_attn.{p}_proj") for p in "qkv"]))
                b.out.weight.copy_(take("self_attn.o_proj"))
                b.gate_up.weight.copy_(torch.cat([take("mlp.gate_proj"), take("mlp.up_proj")]))
                b.down.weight.copy_(take("mlp.down_proj"))
        if stored:
            raise ValueError(f"tensors that were not read: {sorted(stored)}")


def open_side(job: dict):
    import json

    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(True)  # ours does
    with open(f"{job['folder']}/config.json") as f:
        config = json.load(f)
    model = Llama(config, job["t"])
    model.load(job["folder"])
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": job["weight_decay"]}, {"params": norms, "weight_decay": 0.0}],
        lr=job["rate"], betas=(job["beta1"], job["beta2"]), eps=job["eps"], fused=True)
    half, compiled = job["mode"].startswith("bf16"), job["mode"].endswith("compiled")
    if job["mode"] not in ("f32", "bf16", "f32 compiled", "bf16 compiled"):
        raise ValueError(f"mode is {job['mode']!r}")
    loss_of = torch.compile(model, dynamic=False) if compiled else model
    rows = torch.frombuffer(bytearray(open(job["tokens"], "rb").read()), dtype=torch.int32).long()
    rows = rows.view(-1, job["rows"], job["t"] + 1)  # [steps,B,T+1]
    done = 0

    def step() -> float:
        nonlocal done
        batch = rows[done % len(rows)]
        done += 1
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = loss_of(batch[:, :-1], batch[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), job["clip"], foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def turn(work: str, count: int) -> dict:
        if work != "train":
            raise ValueError(f"a side that trains cannot {work}")
        seconds, losses = [], []
        for _ in range(count):
            began = time.perf_counter()
            losses.append(step())
            seconds.append(time.perf_counter() - began)
        return {"seconds": seconds, "losses": losses}

    name = f"PyTorch {torch.__version__}, {'bf16 autocast' if half else 'f32'}, {'torch.compile' if compiled else 'eager'}"
    return name, [f"CPU capability {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"], turn


side.serve(open_side)
