# Sourced by the commands beside it, with $root set: puts a Node of version 24 or newer into $node.
case $(uname -m) in
  x86_64 | amd64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) arch=unknown ;;
esac
node=$root/node_modules/node-linux-$arch/bin/node
if [ ! -x "$node" ]; then
  node=$(command -v node || true)
  if [ -z "$node" ] || [ "$("$node" -p 'parseInt(process.versions.node) >= 24')" != true ]; then
    echo "PETREL_NODE: petrel needs Node 24, and there is none in $root/node_modules or on the PATH" >&2
    echo "  fix:   run \`npm ci\` in $root; it brings Node 24 along" >&2
    exit 1
  fi
fi
if [ ! -d "$root/node_modules/commander" ]; then
  echo "PETREL_NODE: petrel's dependencies are not installed in $root" >&2
  echo "  fix:   run \`npm ci\` in $root" >&2
  exit 1
fi
# Compiled code is kept beside the dependencies, which halves the time a command needs; where that folder cannot be
# written, Node goes without.
export NODE_COMPILE_CACHE="$root/node_modules/.cache/petrel"
