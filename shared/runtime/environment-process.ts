/** What a binary hears of its environment: nothing that was meant for some other Node. */

/**
 * Variables by which Node, or the OpenSSL in it, would load code, trust more, or write files elsewhere. NODE_EXTRA_CA_CERTS
 * stays: it is how an operator names the authority of a proxy, and our own links do not go by it.
 */
const foreign = /^(?:NODE_(?!EXTRA_CA_CERTS$)|OPENSSL_(?:CONF|ENGINES|MODULES)$)/;

export const isForeign = (name: string): boolean => foreign.test(name);

/**
 * Starts this process once more without them: some Node has heard before our first line. Returns where there are none.
 * Not for the roles that a binary starts itself in: they have what their agent gave them, and what a pack's author did.
 */
export function withoutForeign(args: readonly string[]): void {
  const names = Object.keys(process.env).filter(isForeign);
  if (names.length === 0) return;
  for (const name of names) delete process.env[name];
  process.execve?.(process.execPath, [process.execPath, ...args], process.env);
}
