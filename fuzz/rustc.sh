#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles for fuzzing (`RUSTC_WRAPPER`): only our own crates and the reader of WebAssembly tell the fuzzer where they
# have been. Instrumented, the compiler in wasmtime would take the fuzzer's whole attention, and much longer to build.
rustc="$1"
shift
name=
last=
for argument in "$@"; do
    if [ "$last" = --crate-name ]; then
        name="$argument"
        break
    fi
    last="$argument"
done
case "$name" in
    paasla_* | wasmparser | load | lift | smith) exec "$rustc" "$@" ;;
esac
for argument in "$@"; do
    shift
    if [ "$argument" != -Cpasses=sancov-module ]; then
        set -- "$@" "$argument"
    fi
done
exec "$rustc" "$@"
