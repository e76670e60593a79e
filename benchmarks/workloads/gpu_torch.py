"""The large transformer by hand in PyTorch, compiled by `torch.compile`: see `gpu.py`."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def has_gpu():
    return torch.cuda.is_available()


def device():
    return torch.cuda.get_device_name() if has_gpu() else "cpu"


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        d, self.heads = size.width, size.heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.into, self.out, self.up, self.down = (
            nn.Linear(a, b) for a, b in ((d, 3 * d), (d, d), (d, 4 * d), (4 * d, d))
        )

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.into(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(h.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.places = nn.Embedding(size.length, size.width)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.blocks)))
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, size.vocabulary, bias=False)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.tokens(x) + self.places.weight)))


def step(size, tokens):
    """A function that trains one step on the tokens and gives the loss."""
    where = "cuda" if has_gpu() else "cpu"
    model = Transformer(size).to(where)
    adam = torch.optim.Adam(model.parameters(), 1e-4, fused=True)
    compiled = torch.compile(model)
    tokens = torch.from_numpy(tokens).to(where).long()
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def run():
        adam.zero_grad()
        with torch.autocast(where, torch.bfloat16):
            logits = compiled(inputs)
        loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()
        adam.step()
        return loss.detach()

    return run
