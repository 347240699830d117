#!/bin/sh
# Run by `sh tests/test.sh` in the pack's folder.
set -eu
cd "$(dirname "$0")/.."

# The sensor gets a start, has a second to tick, and is told to stop.
said=$({ echo '{"op":"start","config":{}}'; sleep 1; echo '{"op":"stop","grace_seconds":5}'; } | sensors/tick_sensor.sh)
case $said in
  *'"op":"ready"'*'"trigger":"new_pack.tick"'*'"count":1'*) echo "ok: the sensor ticks" ;;
  *) echo "not ok: the sensor said: $said"; exit 1 ;;
esac

[ "$(actions/note.sh 'tick 1')" = "Hello, tick 1" ] && echo "ok: a note is given back"
if actions/note.sh '' 2>/dev/null; then
  echo "not ok: an empty note should fail"
  exit 1
fi
echo "ok: an empty note fails"
