#!/usr/bin/env bash
# What both container recipes run: `envs/install.sh libraries|debye [PYTHON]`, in the order of the two words.
#   libraries   requirements.lock, exactly
#   debye       the package, its libraries left as they are
# Two steps, so that an edit of the code does not install the libraries anew. For the CPU build of torch (without its GPU
# libraries, gigabytes on Linux) install torch of that version from PyTorch's own index of CPU builds before: pip leaves it alone.
set -euo pipefail

step="${1:-}" python="${2:-python}"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

case "$step" in
libraries)
  "$python" -m pip install --requirement "$root/requirements.lock"
  ;;
debye)
  "$python" -m pip install --no-deps "$root"
  "$python" -m pip check
  "$(dirname "$("$python" -c 'import sys; print(sys.executable)')")/debye" --version
  ;;
*)
  echo "install.sh: error: found '$step', expected libraries or debye" >&2
  exit 2
  ;;
esac
