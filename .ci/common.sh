# Shared by `.ci/run` and `.ci/long`, which include it. It changes to the project's folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
# A registry that fails once is asked again.
export CARGO_NET_RETRY=10 PIP_RETRIES=10 npm_config_fetch_retries=10
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

need() { # need COMMAND PACKAGE: install Debian's PACKAGE if there is no COMMAND
    command -v "$1" >/dev/null && return
    [ "$(id -u)" = 0 ] || { echo "ci: $1 is missing; install it (Debian: $2)" >&2; exit 1; }
    local apt=(apt-get -qq -o Acquire::Retries=5)
    "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y "$2" >/dev/null
}

build_testee() {
    need python3 python3
    cargo build --quiet --release -p ws-tests --bin testee
}

fuzz() { # fuzz SECONDS: run each target for that time, from its corpus
    need python3 python3
    rustc +nightly --version >/dev/null || { echo "ci: the nightly toolchain is missing" >&2; exit 1; }
    command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
    fuzz/run --seconds "$1"
}

interop() { # interop RUNTIME...: real peers and real proxies
    need python3 python3 && need npm npm && need openssl openssl && need dpkg dpkg
    build_testee
    tests/interop/install "$target/interop"
    tests/interop/run --peers "$target/interop" --testee "$target/release/testee" "$@"
}

autobahn() { # autobahn [OPTION | RUNTIME]...: the Autobahn Testsuite
    need python3 python3 && need gcc gcc && need dpkg-deb dpkg
    build_testee
    tests/autobahn/install "$target/autobahn/suite"
    tests/autobahn/run --suite "$target/autobahn/suite" --testee "$target/release/testee" "$@"
}

network() { # network RUNTIME...: clients on an emulated network; repeats of late runs come on top of its time
    need python3 python3 && need ip iproute2 && need unshare util-linux && need mount mount
    python3 tests/network/test_direction.py
    python3 tests/network/test_verdict.py
    build_testee
    tests/network/run --testee "$target/release/testee" "$@"
}

free() { df --output=avail --block-size=1G . | tail -n 1 | tr -d ' '; }

run_steps() { # run_steps STEP...: each step, and a table of their times
    # A full disk shows as a linker that dies, or as a server that cannot be installed.
    echo "== $(free) GiB of disk free at the start"
    local step sum=0 table=
    for step in "$@"; do
        declare -F "step_$step" >/dev/null || { echo "ci: there is no step $step" >&2; exit 1; }
    done
    for step in "$@"; do
        echo "== $step"
        SECONDS=0
        "step_$step"
        echo "== $step took $SECONDS s; $(free) GiB of disk free"
        table+="$step $SECONDS"$'\n'
        sum=$((sum + SECONDS))
    done
    echo "== minutes"
    printf '%s' "$table" | awk '{printf "%-12s %5.1f\n", $1, $2 / 60}'
    awk -v sum=$sum 'BEGIN {printf "%-12s %5.1f\n", "all", sum / 60}'
    echo "== all steps passed: $*"
}
