#!/usr/bin/env bash
# Adds debye to the environment that Snakemake has just made: the package that Snakemake itself runs with, of which
# workflow/rules/common.smk says where it is from. Jobs refuse to run with other code than the workflow froze.
set -euo pipefail

origin="${DEBYE_ORIGIN:?debye: error: found no DEBYE_ORIGIN, expected the folder, commit or version of debye to install}"
# A folder is installed editable: what is edited there has to reach the jobs without another environment.
case "$origin" in
/*) package=(--editable "$origin") ;;
*) package=("$origin") ;;
esac
"$CONDA_PREFIX/bin/python" -m pip install --no-deps "${package[@]}"
