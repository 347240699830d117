/** Addresses to listen on, as people write them: `PORT` or `HOST:PORT`. */

export interface ListenAddress {
  readonly host: string;
  /** 0: whichever is free. */
  readonly port: number;
}

/** `PORT`, `HOST:PORT` or `[IPV6]:PORT`; loopback when no host is given, `null` when it is none of these. */
export function parseListen(text: string): ListenAddress | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]:|([^\s:[\]/]+):)?(\d{1,5})$/.exec(text);
  if (!match) return null;
  const port = Number(match[3]);
  return port > 65_535 ? null : { host: match[1] ?? match[2] ?? "127.0.0.1", port };
}

/** `HOST:PORT` as it stands in a URL. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An IPv4 address as people write it, also as a socket for both families has it (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** True for addresses that only this machine can reach. `localhost` counts: resolvers must keep it there (RFC 6761). */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^\[|\]$/g, "");
  if (plain === "localhost" || plain === "::1") return true;
  // Octets in full: what only looks like an address would be looked up as a name, and lead anywhere.
  return /^(?:::ffff:)?127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(plain);
}
