# Sourced by the scripts: makes build/ from the sources where it is missing or older than they are.
# Wants $root; installs what running needs and nothing else, since a board or a first look wants no test tools.

needs_install() {
  installed="$root/node_modules/.package-lock.json"
  [ ! -f "$installed" ] || [ "$root/package-lock.json" -nt "$installed" ]
}

needs_build() {
  [ ! -f "$root/build/.done" ] || [ -n "$(find "$root"/protocol "$root"/platform "$root"/drivers "$root"/daemon \
    "$root"/central "$root"/scripts "$root"/package.json "$root"/tsconfig.json -newer "$root/build/.done" -type f \
    -print -quit)" ]
}

install_and_build() {
  if needs_install; then
    if ! command -v npm >/dev/null 2>&1; then
      echo "cardpad is not built yet, and building needs npm: apt install npm" >&2
      exit 3
    fi
    echo "cardpad: installing what it needs to run (once) ..." >&2
    # Who has the test tools keeps them.
    omit="--omit=dev --omit=optional"
    [ -d "$root/node_modules/tap" ] && omit=""
    # shellcheck disable=SC2086
    (cd "$root" && npm ci $omit --no-audit --no-fund --loglevel=error >&2) || {
      echo "npm ci failed: is the npm registry reachable from here?" >&2
      exit 3
    }
    touch "$root/node_modules/.package-lock.json"
  fi
  if needs_build; then
    echo "cardpad: building ..." >&2
    (cd "$root" && node node_modules/typescript/bin/tsc -p tsconfig.run.json >&2) || {
      echo "the build failed: see above" >&2
      exit 3
    }
    touch "$root/build/.done"
  fi
}

build_cardpad() {
  if needs_install || needs_build; then
    # Three commands in three terminals on a fresh clone: one builds, the others wait for it.
    if command -v flock >/dev/null 2>&1; then
      (flock 9 && install_and_build) 9>"$root/.build.lock" || exit $?
    else
      install_and_build
    fi
  fi
}
