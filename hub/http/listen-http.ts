/** Opens the API's port. */
import type { FastifyInstance } from "fastify";
import { formatListen, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";

/** Where this machine reaches what listens on all its addresses. */
const anyHost: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Resolves to the URL for this machine once it listens (port 0: a free one). HUB_PORT_IN_USE when the port is taken.
 * Whether others may reach the address is for `requireHttpReach` to say, before.
 */
export async function listenApi(
  api: FastifyInstance,
  { host, port }: ListenAddress,
  { isSecure }: { readonly isSecure: boolean },
): Promise<string> {
  try {
    await api.listen({ host, port });
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code !== "EADDRINUSE" && code !== "EACCES" && code !== "EADDRNOTAVAIL") throw error;
    const why = code === "EADDRINUSE" ? "is in use" : `cannot be opened (${code})`;
    throw new PetrelError("HUB_PORT_IN_USE", `port ${port} on ${host} ${why}`, {
      where: "http.listen",
      hint: "choose another with `--http PORT`, or 0 for any free one",
      cause: error,
    });
  }
  const bound = api.server.address();
  const open = typeof bound === "object" && bound !== null ? bound.port : port;
  const shown = host.toLowerCase() === "localhost" ? "127.0.0.1" : (anyHost[host] ?? host);
  return `${isSecure ? "https" : "http"}://${formatListen({ host: shown, port: open })}`;
}
