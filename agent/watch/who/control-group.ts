/** From `/proc/PID/cgroup` (cgroups(7)) to what an operator calls it: a systemd unit, or a container. Pure. */

const containerId = /(?:^|[/:.-])([0-9a-f]{64})(?:\.scope)?(?=\/|$)/;
const unitName = /^[^/]+\.(service|scope|mount|socket|swap)$/;

/**
 * `nginx.service`, `user@1000.service/backup.service`, `container:0123456789ab`, `lxc:web`; `null` where there is neither.
 * The outermost name counts, since a unit may name the groups below its own as it likes.
 */
export function unitOf(text: string): string | null {
  const rows = text
    .split("\n")
    .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
    .filter((row) => row !== null)
    .map(([, , controllers = "", path = ""]) => ({ controllers, path }));
  // The unified hierarchy, then systemd's own, then whatever else knows of a container.
  const paths = [
    ...rows.filter(({ controllers }) => controllers === ""),
    ...rows.filter(({ controllers }) => controllers === "name=systemd"),
    ...rows.filter(({ controllers }) => controllers !== "" && controllers !== "name=systemd"),
  ].map(({ path }) => path);
  for (const path of paths) {
    const container = containerOf(path);
    if (container !== null) return container;
  }
  for (const path of paths) {
    const unit = systemdUnitOf(path);
    if (unit !== null) return unit;
  }
  return null;
}

function containerOf(path: string): string | null {
  const id = containerId.exec(path)?.[1];
  if (id !== undefined) return `container:${id.slice(0, 12)}`;
  const lxc = /^\/lxc(?:\.payload\.|\.payload\/|\/)([^/]+)/.exec(path)?.[1];
  if (lxc !== undefined) return `lxc:${lxc}`;
  const machine = /\/machine\.slice\/(?:machine-([^/]+)\.scope|systemd-nspawn@([^/]+)\.service)/.exec(path);
  const name = machine?.[1] ?? machine?.[2];
  return name === undefined ? null : `machine:${unescaped(name)}`;
}

function systemdUnitOf(path: string): string | null {
  const parts = path.split("/").filter((part) => part !== "");
  const at = parts.findIndex((part) => unitName.test(part));
  const unit = parts[at];
  if (unit === undefined) return null;
  if (!/^user@\d+\.service$/.test(unit)) return unescaped(unit);
  const inner = parts.slice(at + 1).find((part) => unitName.test(part));
  return inner === undefined ? unit : `${unit}/${unescaped(inner)}`;
}

/** systemd.unit(5): `\x2d` stands for a dash. */
function unescaped(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
