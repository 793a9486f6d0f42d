"""scaled_dot_product_attention with one of its back ends: causal, bf16, every head with keys of its own."""

import clock
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}


def measure(case: dict, device: str) -> dict:
    """Batch documents of T tokens. Tensors are [B,H,T,D] views of [B,T,H,D], as models have them."""
    shape = (case["batch"], case["t"], case["heads"], case["dim"])

    def normal():
        return torch.randn(shape, device=device, dtype=torch.bfloat16).transpose(1, 2)

    q, k, v = (normal().requires_grad_() for _ in range(3))

    def forward():
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    with sdpa_kernel(BACKENDS[case["mode"]]):
        if case["name"] == "forward":
            return clock.measure(device, case["rounds"], forward)
        out, dout = forward(), normal()
        backward = lambda: torch.autograd.grad(out, (q, k, v), dout, retain_graph=True)
        return clock.measure(device, case["rounds"], backward)
