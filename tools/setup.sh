#!/usr/bin/env bash
# Installs what Waybill builds and runs with, once: Debian packages, DuckDB's library from npm.
# Safe to run again; does nothing when all is there. Reads nothing, asks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  clang-19 lld-19 libclang-rt-19-dev clang-format-19 cmake ninja-build ccache
  libboost1.81-dev libsimdjson-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev
  librocksdb-dev librdkafka-dev prometheus-cpp-dev libspdlog-dev libfmt-dev libcurl4-openssl-dev libpugixml-dev libprotobuf-dev protobuf-compiler libhiredis-dev libssl-dev
  libzstd-dev liblz4-dev libsnappy-dev zlib1g-dev libxxhash-dev libhowardhinnant-date-dev tzdata libgtest-dev libgmock-dev libbenchmark-dev
  chromium postgresql-client kcat curl openssl zstd python3-venv procps ca-certificates
)
command -v npm >/dev/null || packages+=(nodejs npm)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# DuckDB: the library ships in one npm package, its stable C header in another.
duckdb_library=@duckdb/node-bindings-linux-x64@1.5.5-r.5
duckdb_header=duckdb@1.4.4
stamp=.deps/duckdb/STAMP
want="$duckdb_library $duckdb_header"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  echo "setup: fetching DuckDB ($want)"
  rm -rf .deps/duckdb && mkdir -p .deps/duckdb/lib .deps/duckdb/include .deps/tmp
  work=$(mktemp -d .deps/tmp/XXXXXX)
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && npm pack --silent "$duckdb_library" "$duckdb_header" >/dev/null)
  for f in "$work"/*.tgz; do
    mkdir "$f.d" && tar xzf "$f" -C "$f.d"
  done
  cp "$(find "$work" -name libduckdb.so | head -1)" .deps/duckdb/lib/
  cp "$(find "$work" -path '*include/duckdb.h' | head -1)" .deps/duckdb/include/
  echo "$want" > "$stamp"
fi
