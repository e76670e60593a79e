"""By hand in PyTorch: an eager loop over an `nn.Module`. Weights come laid out as Keras's."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from benchmarks.workloads import BATCH, DROPOUT, SHAPES, random_weights


class Mlp(nn.Sequential):
    def __init__(self, rate):
        super().__init__(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))

    def load(self, weights):
        for layer, pair in zip(list(self)[::2], zip(weights[::2], weights[1::2], strict=True), strict=True):
            load_dense(layer, *pair)


class Cnn(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3), nn.Linear(1600, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.a(x.movedim(-1, 1))), 2)
        return self.c(F.max_pool2d(F.relu(self.b(x)), 2).flatten(1))

    def load(self, weights):
        a, self.a.bias.data, b, self.b.bias.data, c, d = weights
        self.a.weight.data, self.b.weight.data = a.permute(3, 2, 0, 1).contiguous(), b.permute(3, 2, 0, 1).contiguous()
        load_dense(self.c, c.view(5, 5, 64, 10).permute(2, 0, 1, 3).reshape(1600, 10), d)  # channels come first here


class Lstm(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.a, self.b = nn.LSTM(16, 64, batch_first=True), nn.Linear(64, 10)
        self.a.bias_hh_l0.requires_grad_(False).zero_()  # Keras's LSTM has one bias

    def forward(self, x):
        return self.b(self.a(x)[0][:, -1])

    def load(self, weights):
        kernel, recurrent, bias, *dense = weights
        self.a.weight_ih_l0.data.copy_(kernel.T)
        self.a.weight_hh_l0.data.copy_(recurrent.T)
        self.a.bias_ih_l0.data.copy_(bias)
        load_dense(self.b, *dense)


class Transformer(nn.Module):
    def __init__(self, rate):
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 512, rate, batch_first=True, norm_first=True)
        self.a, self.b = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(128, 10)
        for layer in self.a.layers:
            layer.dropout = nn.Identity()  # it would drop inside the feed-forward part, too

    def forward(self, x):
        return self.b(self.a(x).mean(1))

    def load(self, weights):
        for i, layer in enumerate(self.a.layers):
            load_block(layer, weights[16 * i : 16 * (i + 1)])
        load_dense(self.b, *weights[32:])


def load_dense(layer, kernel, bias):
    layer.weight.data, layer.bias.data = kernel.T.contiguous(), bias


def load_block(layer, weights):
    g1, b1, qk, qb, kk, kb, vk, vb, ok, ob, g2, b2, w1, c1, w2, c2 = weights
    layer.norm1.weight.data, layer.norm1.bias.data, layer.norm2.weight.data, layer.norm2.bias.data = g1, b1, g2, b2
    attention = layer.self_attn
    attention.in_proj_weight.data = torch.cat([k.reshape(128, 128).T for k in (qk, kk, vk)])
    attention.in_proj_bias.data = torch.cat([b.reshape(128) for b in (qb, kb, vb)])
    load_dense(attention.out_proj, ok.reshape(128, 128), ob)
    load_dense(layer.linear1, w1, c1)
    load_dense(layer.linear2, w2, c2)


MODULES = {"mlp": Mlp, "cnn": Cnn, "lstm": Lstm, "transformer": Transformer}


class Side:
    def __init__(self, name, weights=None, rate=None):
        self.batch, weights = SHAPES[name][0], weights or random_weights(name)
        self.model = MODULES[name](DROPOUT.get(name, 0.0) if rate is None else rate)
        self.model.load([torch.tensor(w) for w in weights])
        self.adam = torch.optim.Adam([p for p in self.model.parameters() if p.requires_grad], 1e-3)
        self.right, self.seen, self.total = torch.zeros(()), torch.zeros(()), torch.zeros(())

    def ready(self, x, y):
        return torch.from_numpy(x), torch.from_numpy(y)

    def train(self, batch):
        x, y = batch
        self.adam.zero_grad()
        logits = self.model(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        self.adam.step()
        with torch.no_grad():
            self.right.add_((logits.argmax(-1) == y).sum())
            self.seen.add_(len(y))
            self.total.add_(loss * len(y))
        return loss.detach()

    def call(self, x):
        return self.model(x)

    def predict(self, x):
        with torch.no_grad():
            rows = torch.from_numpy(x)
            return np.concatenate([self.model(rows[i : i + BATCH]).numpy() for i in range(0, len(x), BATCH)])

    def fit(self, x, y):
        for total in (self.right, self.seen, self.total):
            total.zero_()
        order = np.random.permutation(len(x))
        for i in range(0, len(x), self.batch):
            rows = order[i : i + self.batch]
            self.train((torch.from_numpy(x[rows]), torch.from_numpy(y[rows])))
        return (self.total / self.seen).item(), (self.right / self.seen).item()

    def loss(self, x, y):
        return float(self.train(self.ready(x, y)))
