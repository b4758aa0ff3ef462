# Sourced by the scripts: is there a Node that can run cardpad?
if ! command -v node >/dev/null 2>&1; then
  echo "cardpad needs Node.js 20.15 or newer, and there is no node here." >&2
  echo "On Debian 13: apt install nodejs npm" >&2
  exit 3
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 15) ? 0 : 1)'; then
  echo "cardpad needs Node.js 20.15 or newer; this is $(node --version)." >&2
  echo "Debian 13 has it (apt install nodejs npm); for older systems see https://nodejs.org/" >&2
  exit 3
fi
# Native add-ons are compiled with the headers that came with this Node, where they did: no download for them.
node_prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
if [ -f "$node_prefix/include/node/node.h" ]; then
  npm_config_nodedir="$node_prefix"
  export npm_config_nodedir
fi
