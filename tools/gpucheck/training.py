"""A training step of a Llama as people write it in PyTorch: torch.compile, SDPA, bf16 autocast over f32 weights, fused AdamW.

The matrices of q,k,v and of gate,up are one each, as Primer's are. No dropout.
"""

import time

import torch
import torch.nn.functional as F
from torch import nn

WARM = 3  # steps that are not measured; the first compiles


class Block(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        hidden, inner = c["hidden_size"], c["intermediate_size"]
        self.heads, self.keys, self.eps = c["num_attention_heads"], c["num_key_value_heads"], c["rms_norm_eps"]
        self.dim = hidden // self.heads
        self.input_norm = nn.Parameter(torch.ones(hidden))
        self.qkv = nn.Linear(hidden, (self.heads + 2 * self.keys) * self.dim, bias=False)
        self.out = nn.Linear(hidden, hidden, bias=False)
        self.post_norm = nn.Parameter(torch.ones(hidden))
        self.gate_up = nn.Linear(hidden, 2 * inner, bias=False)
        self.down = nn.Linear(inner, hidden, bias=False)

    def forward(self, x, cos, sin):  # x [B,T,C], cos and sin [T,D]
        b, t, hidden = x.shape
        h = F.rms_norm(x, (hidden,), self.input_norm, self.eps)
        q, k, v = self.qkv(h).view(b, t, -1, self.dim).transpose(1, 2).split([self.heads, self.keys, self.keys], dim=1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.keys)
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
        self.eps, dim = c["rms_norm_eps"], c["hidden_size"] // c["num_attention_heads"]
        self.embed = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = nn.Parameter(torch.ones(c["hidden_size"]))
        self.head = nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)
        inverse = 1.0 / c["rope_theta"] ** (torch.arange(0, dim, 2) / dim)
        angles = torch.outer(torch.arange(length), inverse).repeat(1, 2)  # [T,D]
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, tokens, targets):  # [B,T] both; returns the mean loss
        x = self.embed(tokens).to(torch.bfloat16)  # the residual stream, as ours: autocast by itself would leave it f32
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        x = F.rms_norm(x, (x.shape[-1],), self.norm, self.eps)
        return F.cross_entropy(self.head(x).flatten(0, 1).float(), targets.flatten())


def open_step(case: dict, device: str):
    """A function that makes one optimizer step on random tokens and returns the loss, still on the device."""
    torch.manual_seed(1)
    c = case["config"]
    with torch.device(device):
        model = Llama(c, case["t"])
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95), eps=1e-8, fused=True)
    loss_of = torch.compile(model, dynamic=False)

    def step():
        rows = torch.randint(c["vocab_size"], (case["batch"], case["t"] + 1), device=device)
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return model, step


def measure(case: dict, device: str) -> dict:
    """Seconds between the ends of neighbouring steps. The host waits for the device only before and after all of them."""
    began = time.perf_counter()
    model, step = open_step(case, device)
    losses = [step().item() for _ in range(WARM)]
    warm = time.perf_counter() - began
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()  # compiling does not count
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(case["rounds"] + 1)]
        record = lambda i: marks[i].record()
    else:
        marks = [0.0] * (case["rounds"] + 1)
        record = lambda i: marks.__setitem__(i, time.perf_counter())
    record(0)
    later = []
    for i in range(case["rounds"]):
        later.append(step())
        record(i + 1)
    losses += [loss.item() for loss in later]
    about = {"parameters": str(sum(p.numel() for p in model.parameters())), "warm-up seconds": f"{warm:.1f}"}
    memory = 0
    if device == "cuda":
        torch.cuda.synchronize()
        seconds = [a.elapsed_time(b) / 1000 for a, b in zip(marks, marks[1:])]
        memory = torch.cuda.max_memory_allocated()
        about["reserved bytes"] = str(torch.cuda.max_memory_reserved())
    else:
        seconds = [b - a for a, b in zip(marks, marks[1:])]
    clock = "host" if device == "cpu" else "events"
    tokens = case["batch"] * case["t"]
    return {"seconds": seconds, "clock": clock, "tokens": tokens, "memory": memory, "losses": losses, "about": about}
