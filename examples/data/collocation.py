#!/usr/bin/env python3
"""Writes collocation.csv and boundary.csv, the data of examples/pinn.dl: Burgers' equation on x in [-1, 1], t in [0, 1].

Inside, 2000 points of the R2 sequence (multiples of the inverse powers of the plastic number, modulo 1), which fill a
square more evenly than random ones do. On the edge u(x, 0) = -sin(pi x) at 200 points and u(-1, t) = u(1, t) = 0 at 50.
"""
import math
import os

here = os.path.dirname(os.path.abspath(__file__))
plastic = 1.32471795724474602596
with open(os.path.join(here, "collocation.csv"), "w") as file:
    file.write("x,t\n")
    for i in range(1, 2001):
        file.write("%.6f,%.6f\n" % (2 * ((0.5 + i / plastic) % 1) - 1, (0.5 + i / plastic**2) % 1))
with open(os.path.join(here, "boundary.csv"), "w") as file:
    file.write("x,t,u\n")
    for i in range(200):
        x = 2 * (i + 0.5) / 200 - 1
        file.write("%.6f,0,%.6f\n" % (x, -math.sin(math.pi * x)))
    for i in range(50):
        for x in (-1, 1):
            file.write("%d,%.6f,0\n" % (x, (i + 0.5) / 50))
