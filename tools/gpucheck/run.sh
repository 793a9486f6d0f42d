#!/bin/sh
# Runs gpu-check on a machine with an NVIDIA driver; nothing is installed.
#
#   sh run.sh --out results [--part ops|train|decode] [--minutes 9]
#
# PYTHON names the Python 3 that has PyTorch (python3). Without one the peers are missing, and the summary says so. The
# libraries of CUDA, libnvrtc and libcublasLt, are taken from PRIMER_CUDA_PATH, PyTorch's own or a toolkit's.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
python=$(command -v "${PYTHON:-python3}" || true)
if [ -n "$python" ]; then
	found=$("$python" "$here/peers/libraries.py") || exit 1
	PRIMER_CUDA_PATH=${PRIMER_CUDA_PATH:+$PRIMER_CUDA_PATH:}$found
	export PRIMER_CUDA_PATH
fi
exec "$here/gpucheck" --folder "$here" --python "$python" "$@"
