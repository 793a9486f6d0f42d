"""Prints the folders that have NVRTC or cuBLASLt, separated by colons: PyTorch's own first, then toolkits'."""

import glob
import os
import site
import sys

LIBRARIES = ("libnvrtc.so.*", "libcublasLt.so.*")


def candidates():
    """Folders that may have them, in the order of preference: where PyTorch's wheels put them, then where toolkits do."""
    for packages in dict.fromkeys([*sys.path, *site.getsitepackages(), site.getusersitepackages()]):
        yield from sorted(glob.glob(os.path.join(packages, "nvidia", "*", "lib")), reverse=True)  # cu13 before older ones
        yield os.path.join(packages, "torch", "lib")
    homes = [os.environ.get("CUDA_HOME", ""), "/usr/local/cuda", *sorted(glob.glob("/usr/local/cuda-*"), reverse=True)]
    for home in filter(None, homes):
        yield os.path.join(home, "lib64")
        yield os.path.join(home, "targets", "x86_64-linux", "lib")


def main():
    found = []
    for folder in candidates():
        if folder not in found and any(glob.glob(os.path.join(folder, name)) for name in LIBRARIES):
            found.append(folder)
    print(":".join(found))


if __name__ == "__main__":
    main()
