#!/bin/sh
# Ticks every ten seconds. A sensor may be any program: it reads and writes one JSON object a line.

# Ctrl-C reaches every process of the terminal; the agent tells us when to go.
trap '' INT

tick() {
  nap=
  trap '[ -z "$nap" ] || kill "$nap"; exit' TERM
  count=0
  while :; do
    count=$((count + 1))
    printf '{"op":"dispatch","id":%d,"trigger":"new_pack.tick","payload":{"count":%d,"time":"%s"}}\n' \
      "$count" "$count" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    sleep 10 &
    nap=$!
    wait "$nap"
  done
}

# The first line is {"op":"start", ...} with the configuration.
read -r _start || exit 0
printf '{"op":"ready"}\n'
tick &
ticking=$!

# "accepted" says up to which id the triggers are on the agent's disk. The end of the input is a "stop", too.
while read -r line; do
  case $line in
    *'"op":"stop"'*) break ;;
  esac
done
kill "$ticking"
