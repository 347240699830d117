/** Time zones by their IANA names: which instant a time on the wall is, where clocks are put forward and back. Pure. */

export interface Zone {
  readonly name: string;
  /** Milliseconds that clocks on the wall are ahead of UTC at this instant. */
  offsetAt(ms: number): number;
}

const dayMs = 86_400_000;
const zones = new Map<string, Zone>();

export const utc: Zone = { name: "UTC", offsetAt: () => 0 };

/** `null`: there is no zone of this name. */
export function zoneOf(name: string): Zone | null {
  if (/^(utc|etc\/utc|gmt|z)$/i.test(name)) return utc;
  const known = zones.get(name);
  if (known !== undefined) return known;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      timeZoneName: "longOffset",
      year: "numeric",
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  const zone: Zone = { name, offsetAt: (ms) => offsetIn(format.format(ms)) };
  zones.set(name, zone);
  return zone;
}

/** Of a text that ends in `GMT`, `GMT+05:30` or, long ago, `GMT-00:01:15`. */
function offsetIn(text: string): number {
  const [, sign, hours, minutes, seconds] = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(text) ?? [];
  if (sign === undefined) return 0;
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0)) * 1000;
  return sign === "-" ? -size : size;
}

/**
 * The instant of a time on the wall, given as the milliseconds it would be in UTC. A time that comes twice is the first of
 * the two; one that is skipped is as long after the clocks were put forward as it would have been without that.
 */
export function instantOf(wall: number, zone: Zone): number {
  const before = zone.offsetAt(wall - dayMs);
  const after = zone.offsetAt(wall + dayMs);
  const [first, second] = [wall - Math.max(before, after), wall - Math.min(before, after)];
  for (const instant of [first, second]) if (instant + zone.offsetAt(instant) === wall) return instant;
  return wall - before;
}

/** The first whole second after `from` with another offset than `from`; one must come up to `to`. */
export function transition(from: number, to: number, zone: Zone): number {
  const before = zone.offsetAt(from);
  let [low, high] = [Math.floor(from / 1000), Math.ceil(to / 1000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offsetAt(middle * 1000) === before) low = middle;
    else high = middle;
  }
  return high * 1000;
}
