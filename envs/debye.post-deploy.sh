#!/usr/bin/env bash
# Adds debye to the environment that Snakemake has just made; run from the repository's root.
set -euo pipefail
if [ ! -f pyproject.toml ]; then
  echo "debye: error: found no pyproject.toml in $PWD, expected the repository; run snakemake from its root" >&2
  exit 2
fi
# Editable: jobs refuse to run with other code than the workflow froze.
"$CONDA_PREFIX/bin/python" -m pip install --no-deps --editable .
