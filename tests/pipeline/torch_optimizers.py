#!/usr/bin/env python3
"""The first three steps of PyTorch's optimizers on one small problem in f64, for Optimizers.TakeTheStepsOfPyTorch.

    python3 tests/pipeline/torch_optimizers.py > tests/pipeline/torch_optimizers.txt

Run by hand, with PyTorch installed; the tests only read the file. Each block is an optimizer as a train block writes it, then
the weights after each step.
"""
import torch

# Half the squared error of a line with three weights over four rows; the test has the same numbers.
X = torch.tensor([[1, 2, -1], [0.25, -1, 3], [-2, 0.5, 0.75], [1.5, 1, 1]], dtype=torch.float64)
Y = torch.tensor([0.5, 2, -1, 3], dtype=torch.float64)
START = [1, -2, 0.5]

optim = torch.optim
ROWS = [
    # With nothing said, both sides take the same defaults.
    ("sgd()", lambda w: optim.SGD(w)),
    ("adam()", lambda w: optim.Adam(w)),
    ("adamw()", lambda w: optim.AdamW(w)),
    ("rmsprop()", lambda w: optim.RMSprop(w)),
    ("sgd(lr = 0.1)", lambda w: optim.SGD(w, lr=0.1)),
    ("sgd(lr = 0.1, weight_decay = 0.25)", lambda w: optim.SGD(w, lr=0.1, weight_decay=0.25)),
    ("sgd(lr = 0.1, momentum = 0.9)", lambda w: optim.SGD(w, lr=0.1, momentum=0.9)),
    ("sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.25)", lambda w: optim.SGD(w, lr=0.1, momentum=0.9, weight_decay=0.25)),
    ("sgd(lr = 0.1, momentum = 0.9, nesterov = true)", lambda w: optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True)),
    ("sgd(lr = 0.1, momentum = 0.9, nesterov = true, weight_decay = 0.25)",
     lambda w: optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.25)),
    ("adam(lr = 0.1)", lambda w: optim.Adam(w, lr=0.1)),
    ("adam(lr = 0.1, beta1 = 0.8, beta2 = 0.95, eps = 1e-3)", lambda w: optim.Adam(w, lr=0.1, betas=(0.8, 0.95), eps=1e-3)),
    ("adam(lr = 0.1, weight_decay = 0.25)", lambda w: optim.Adam(w, lr=0.1, weight_decay=0.25)),
    ("adamw(lr = 0.1, weight_decay = 0.25)", lambda w: optim.AdamW(w, lr=0.1, weight_decay=0.25)),
    ("rmsprop(lr = 0.1)", lambda w: optim.RMSprop(w, lr=0.1)),
    ("rmsprop(lr = 0.1, rho = 0.9, eps = 1e-3)", lambda w: optim.RMSprop(w, lr=0.1, alpha=0.9, eps=1e-3)),
    ("rmsprop(lr = 0.1, momentum = 0.9)", lambda w: optim.RMSprop(w, lr=0.1, momentum=0.9)),
    ("rmsprop(lr = 0.1, momentum = 0.9, weight_decay = 0.25)", lambda w: optim.RMSprop(w, lr=0.1, momentum=0.9, weight_decay=0.25)),
]

print(f"# PyTorch {torch.__version__.split('+')[0]}, by torch_optimizers.py")
for text, make in ROWS:
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = make([w])
    print(text)
    for _ in range(3):
        optimizer.zero_grad()
        (0.5 * (X @ w - Y) ** 2).mean().backward()
        optimizer.step()
        print(" ", *(repr(v) for v in w.tolist()))
