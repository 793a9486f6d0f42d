#!/bin/sh
# Builds llama.cpp's server from the source package of llama-cpp-python, whose version bench.txt pins.
#
# usage: build_llama_server.sh PYTHON FOLDER      the server is then FOLDER/bin/llama-server
set -eu
python=$1 folder=$2
package=$(grep '^llama-cpp-python==' "$(dirname "$0")/bench.txt")
mkdir -p "$folder/source"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: -d "$folder" "$package"
tar -xzf "$folder"/llama_cpp_python-*.tar.gz -C "$folder/source" --strip-components 1
cmake -S "$folder/source/vendor/llama.cpp" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF \
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF
cmake --build "$folder/build" --target llama-server -j "$(nproc)"
mkdir -p "$folder/bin"
cp "$folder/build/bin/llama-server" "$folder/bin/"
