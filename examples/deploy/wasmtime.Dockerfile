# `wasmtime` is the program of a release of wasmtime 48 for the machine that runs it, beside this file.
FROM debian:13-slim
COPY wasmtime /usr/local/bin/wasmtime
COPY hello.wasm /hello.wasm
USER 65532
ENTRYPOINT ["wasmtime", "serve", "--addr", "0.0.0.0:8080", "/hello.wasm"]
