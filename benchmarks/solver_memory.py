"""Peak memory of one solve in a fresh process; `benchmarks/solver.py` starts them, as `solver_memory.py KIND N`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import apbs


def measure(
    cells: list[int], cubes: list[int], peers: list[str], program: str | None
) -> list[dict[str, Any]]:
    """Rows for Debye at each size, and for the peers that are there; a process that fails is a line on stderr."""
    jobs = [("Debye", "debye", n) for n in cells] + [("Debye, 3-D", "ball", n) for n in cubes]
    if "cut" in peers:
        jobs += [("ngsxfem P1, ghost penalty", "cut", n) for n in cells]
    if "fitted" in peers:
        jobs += [("NGSolve fitted P6", "fitted", 12)]
    if "skfem" in peers:
        jobs += [("scikit-fem fitted P1", "skfem", n) for n in cells if n <= 128]
    rows = []
    for method, kind, size in jobs:
        command = [sys.executable, str(Path(__file__).resolve()), kind, str(size)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"memory of {method}, N = {size}: failed\n{done.stderr[-500:]}", file=sys.stderr)
            continue
        rows.append({"method": method, "size": size} | json.loads(done.stdout.splitlines()[-1]))
    if program:
        for n in cubes:
            peak = apbs.run_apbs(program, "Born ion", n + 1, "mol", False)["peak MB"]
            rows.append(
                {"method": "APBS mol", "size": n, "nodes": (n + 1) ** 3, "peak MB": peak, "base MB": 0.0}
            )
    return rows


def worker(kind: str, size: int) -> None:
    """Solve once and print the high-water mark before and after.

    Before it a solve on the smallest grid loads the libraries and the compiled loops: they are the base.
    """
    if kind == "ball":
        from solver_ball import Ball

        Ball("Born ion", 17).debye()
        big = Ball("Born ion", size + 1)
        base = apbs.high_water()
        big.debye()
        nodes = (size + 1) ** 3
    else:
        from solver_cases import all_cases
        from solver_methods import debye_cold, peer_entry

        star = all_cases()["star"]
        if kind == "debye":
            debye_cold(64)(star)
            base = apbs.high_water()
            debye_cold(size)(star)
        else:
            method = peer_method(kind)
            peer_entry(method, kind, 8).run(star)
            base = apbs.high_water()
            peer_entry(method, kind, size).run(star)
        nodes = 0 if kind in ("fitted", "skfem") else (size + 1) ** 2
    print(json.dumps({"nodes": nodes, "base MB": base, "peak MB": apbs.high_water()}))


def peer_method(kind: str) -> Any:
    """The peer whose memory is taken."""
    if kind == "cut":
        import peers_xfem

        return peers_xfem.Cut(1)
    if kind == "skfem":
        import peers_skfem

        return peers_skfem.Fitted(1)
    import peers_ngsolve

    return peers_ngsolve.Fitted(6)


if __name__ == "__main__":
    worker(sys.argv[1], int(sys.argv[2]))
