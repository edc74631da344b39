#!/usr/bin/env python3
"""PyTorch's time for the step that bench_train.cpp measures: gather 32 rows of the breast-cancer table, forward, reverse and
adam of the 30-16-1 network in f32. Every setting that could be the fastest on a CPU is tried; one line each, in µs.

    DLC_PEER_PYTHON=~/torch/bin/python tests/bench/run.sh step/32       # a Python with PyTorch; it lives outside the build

A setting that this PyTorch cannot do (compilation wants a C++ compiler and Python's headers) says so on stderr.
"""
import csv
import os
import statistics
import sys
import time

import torch

ROWS = list(csv.reader(open(os.path.join(os.path.dirname(__file__), "../../../examples/data/wdbc.csv"))))[1:]
X = torch.tensor([[float(c) for c in row[:-1]] for row in ROWS])
X = (X - X.mean(0)) / X.std(0)
Y = torch.tensor([float(row[-1] == "M") for row in ROWS])
BATCHES = [b for b in torch.randperm(len(X), generator=torch.Generator().manual_seed(0)).split(32) if len(b) == 32]


def loss_of(w1, b1, w2, b2, x, y):
    z = torch.sigmoid(x @ w1.T + b1) @ w2 + b2
    return (torch.nn.functional.softplus(z) - y * z).mean()


def first_values():
    torch.manual_seed(0)
    w1, w2 = torch.empty(16, 30), torch.empty(1, 16)
    torch.nn.init.xavier_uniform_(w1), torch.nn.init.xavier_uniform_(w2)
    return [w1, torch.zeros(16), w2[0].clone(), torch.zeros(())]


def with_optimizer(compiled=False, **options):
    """A loop as PyTorch's tutorials have it."""
    w = [p.requires_grad_() for p in first_values()]
    optimizer = torch.optim.Adam(w, lr=1e-2, **options)
    loss = torch.compile(loss_of) if compiled else loss_of

    def step(rows):
        optimizer.zero_grad(set_to_none=True)
        loss(*w, X[rows], Y[rows]).backward()
        optimizer.step()

    return step, w


def whole_step(**options):
    """Gather, gradient and adam's formula as one function of tensors, compiled."""
    w = first_values()
    m, v, t = [torch.zeros_like(p) for p in w], [torch.zeros_like(p) for p in w], torch.zeros(())
    gradient = torch.func.grad(loss_of, argnums=(0, 1, 2, 3))

    def update(w, m, v, t, x, y, rows):
        t.add_(1)
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        for p, a, b, g in zip(w, m, v, gradient(*w, x[rows], y[rows])):
            a.mul_(0.9).add_(0.1 * g)
            b.mul_(0.999).add_(0.001 * g * g)
            p.sub_(1e-2 / c1 * a / ((b / c2).sqrt() + 1e-8))

    compiled = torch.compile(update, fullgraph=True, options=options)
    return lambda rows: compiled(w, m, v, t, X, Y, rows), w


SETTINGS = {
    "eager, adam as it comes": lambda: with_optimizer(),
    "eager, adam foreach": lambda: with_optimizer(foreach=True),
    "eager, adam fused": lambda: with_optimizer(fused=True),
    "compiled loss, adam fused": lambda: with_optimizer(compiled=True, fused=True),
    "compiled whole step": lambda: whole_step(),
    "compiled whole step, C++ wrapper": lambda: whole_step(cpp_wrapper=True),
    # Unsafe in general: arguments of another kind would go unnoticed.
    "compiled whole step, C++ wrapper, no guards": lambda: whole_step(cpp_wrapper=True, guard_filter_fn=torch.compiler.skip_all_guards_unsafe),
}


def microseconds(step, w):
    for k in range(200):
        step(BATCHES[k % len(BATCHES)])
    blocks = []
    for _ in range(7):
        start = time.perf_counter()
        for k in range(500):
            step(BATCHES[k % len(BATCHES)])
        blocks.append((time.perf_counter() - start) / 500 * 1e6)
    loss = loss_of(*w, X, Y).item()
    if loss > 0.1:
        raise RuntimeError(f"this step does not train: the loss is {loss:.3f}")
    return statistics.median(blocks)


print(f"PyTorch {torch.__version__}", file=sys.stderr)
torch.set_num_threads(1)  # the arrays are far too small to share
for name, make in SETTINGS.items():
    try:
        torch.compiler.reset()
        print(f"{microseconds(*make()):.2f}\t{name}", flush=True)
    except Exception as problem:  # whatever a setting fails with, the others count
        print(f"{name}: {type(problem).__name__}: {str(problem).strip().splitlines()[0]}", file=sys.stderr)
