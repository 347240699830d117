/** Whom an address stands for: what is counted together, and named in logs. Pure. */

/** One host has a whole /64 of IPv6 addresses to itself (RFC 4291, section 2.5.1). */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length;
  const whole = [...groups, ...Array<string>(Math.max(0, zeros)).fill("0"), ...rest];
  return `${whole.slice(0, 4).join(":")}::/64`;
}

/** An address without its port, if it has one: each connection has another. */
export function hostOf(address: string): string {
  const [, ipv6, ipv4] = /^(?:\[([^\]]+)\]|([^:]+)):\d+$/.exec(address) ?? [];
  return ipv6 ?? ipv4 ?? address;
}

/** The network of an address with or without a port. */
export function originOf(address: string): string {
  return network(hostOf(address));
}
