/** Who may reach the HTTP API: off loopback it speaks TLS, unless the operator insists. */
import { formatListen, isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";

export interface HttpReach {
  readonly listen: ListenAddress;
  readonly dev: boolean;
  readonly hasTls: boolean;
  /** The operator's word that the network may see keys and answers. */
  readonly insecure: boolean;
}

/** Throws HUB_INSECURE_LISTEN. */
export function requireHttpReach({ listen, dev, hasTls, insecure }: HttpReach): void {
  if (isLoopback(listen.host)) return;
  const where = `http.listen ${formatListen(listen)}`;
  if (dev) {
    throw new PetrelError("HUB_INSECURE_LISTEN", "in dev mode the HTTP API listens on loopback only", {
      where,
      hint: "listen on 127.0.0.1, or start the hub without --dev",
    });
  }
  if (hasTls || insecure) return;
  throw new PetrelError("HUB_INSECURE_LISTEN", "off loopback the HTTP API must speak TLS", {
    where,
    hint: "set http.tls.cert and http.tls.key; behind a proxy that speaks TLS listen on 127.0.0.1",
  });
}
