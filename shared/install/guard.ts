/** The guard: what goes back when a new version cannot so much as start. Plain sh, needs nothing of the new version. */
import type { Product } from "./layout.ts";

/** Starts that a version on trial has. */
export const mostStarts = 3;

/** The transient unit that an upgrade is carried out in. */
export const upgradeUnit = (name: Product["name"]) => `petrel-${name}-upgrade`;

/** What it says of a version. */
export const guardReason = (version: string) => `${mostStarts} starts of ${version} ended`;

/**
 * The unit runs it as root before each start of the program. While an upgrade is on trial it counts; at the start after
 * the last that the new version has, or when it is on its way back already, it leads `current` back, and says so; one that
 * has changed the database stays, and that is said. It never keeps the program from starting.
 */
export function guardText({ name, program, unit }: Pick<Product, "name" | "program" | "unit">): string {
  return `#!/bin/sh
# Made by \`${program} install\`. systemd runs this before each start: an upgrade whose new version does not live through
# ${mostStarts} starts is taken back here, without any help of the new version.
# What it writes is read by the hub, too, which is not root.
umask 022
base=\${0%/*}
pending=$base/pending
[ -f "$pending" ] || exit 0
from= to= format_from= format_to= back=
while IFS== read -r name value; do
  case $name in
    from) from=$value ;;
    to) to=$value ;;
    format_from) format_from=$value ;;
    format_to) format_to=$value ;;
    back) back=$value ;;
  esac
done < "$pending"
# Words of a version only: these become paths.
case $from$to in '' | *[!0-9A-Za-z.+-]*) exit 0 ;; esac
[ -n "$from" ] && [ -n "$to" ] && [ "$from" != "$to" ] || exit 0
now=$(readlink "$base/current" 2> /dev/null)
case $now in
  "versions/$to") ;;
  # Switched back already, and whoever did so may be gone: what is left is to say so.
  "versions/$from") [ -n "$back" ] || exit 0 ;;
  *) exit 0 ;;
esac
starts=0
[ ! -f "$base/starts" ] || read -r starts < "$base/starts"
case $starts in '' | *[!0-9]*) starts=0 ;; esac
starts=$((starts + 1))
if [ -z "$back" ] && [ "$starts" -le ${mostStarts} ]; then
  echo "$starts" > "$base/starts.guard" && mv -f "$base/starts.guard" "$base/starts"
  # Whoever upgraded may be gone, as after a power loss: then the old version judges the new one. While it is still
  # there this name is taken, and nothing happens.
  [ ! -d /run/systemd/system ] || systemd-run --quiet --no-block --collect --unit ${upgradeUnit(name)} \\
    "$base/versions/$from/${program}" upgrade --judge > /dev/null 2>&1
  exit 0
fi
# The old version could not read what the new one has made of the database: no way leads back.
result=kept
why=\${back:-"${guardReason("$to")}"}
if [ "$format_from" = "$format_to" ]; then
  result=rolled-back
  [ -x "$base/versions/$from/${program}" ] || exit 0
  # Before the switch: killed in between, the next start ends it.
  if [ -z "$back" ]; then
    { cat "$pending" && echo "back=$why"; } > "$base/pending.guard" && {
      # On disk before its name is: a record cut short would be none, with the new version in force for good.
      sync "$base/pending.guard" 2> /dev/null
      mv -f "$base/pending.guard" "$pending"
    }
  fi
  ln -sfn "versions/$from" "$base/current.guard" && mv -fT "$base/current.guard" "$base/current" || exit 0
  sync "$base" 2> /dev/null
  # Its units, where the installation has put some; links are somebody's own choice, and a package's are the package's.
  top=\${base%/opt/petrel/*}
  units=$top/etc/systemd/system
  placed=
  for unit in "$base/versions/$from/units"/petrel-*.service; do
    to_unit=$units/\${unit##*/}
    [ -f "$unit" ] && [ -f "$to_unit" ] && [ ! -L "$to_unit" ] && [ ! -e "$top/usr/lib/systemd/system/${unit}" ] || continue
    placed=yes
    cmp -s "$unit" "$to_unit" && continue
    # On disk before its name is: an empty file would be a masked unit.
    cp "$unit" "$to_unit.new" && chmod 644 "$to_unit.new" && { sync "$to_unit.new" 2> /dev/null; mv -f "$to_unit.new" "$to_unit"; }
  done
  # Also of files that are as they should be: whoever wrote them may have been killed before this.
  [ -z "$placed" ] || {
    sync "$units" 2> /dev/null
    [ ! -d /run/systemd/system ] || systemctl --no-block daemon-reload
  }
fi
{
  echo "from=$from"
  echo "to=$to"
  echo "result=$result"
  printf 'why=%s\n' "$why"
  echo "at=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
} > "$base/last-upgrade.guard" && mv -f "$base/last-upgrade.guard" "$base/last-upgrade"
rm -f "$pending" "$base/starts"
case $result in
  kept) now="it stays, since $from cannot read its database" ;;
  *) now="back to version $from" ;;
esac
printf '%s\n' "${program}: the upgrade to $to has ended: $why; $now" >&2
exit 0
`;
}
