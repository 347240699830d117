/** Opens the API's port, on loopback only. */
import type { FastifyInstance } from "fastify";
import { isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";

/**
 * Resolves to the URL once it listens (port 0: a free one).
 * Throws HUB_INSECURE_LISTEN for an address off loopback, HUB_PORT_IN_USE when the port is taken.
 */
export async function listenApi(api: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  if (!isLoopback(host)) {
    throw new PetrelError("HUB_INSECURE_LISTEN", `the HTTP API must not listen on '${host}'`, {
      where: "http.listen",
      hint: "use 127.0.0.1 or ::1, and a reverse proxy with TLS for access from elsewhere",
    });
  }
  try {
    return await api.listen({ host, port });
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
}
