/** What an agent's link asks when its certificate grows old. */
import { PetrelError } from "../../shared/errors.ts";
import { isRequestOf } from "../../shared/identity/certificates.ts";
import { publicKey } from "../../shared/identity/ed25519.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { HubIdentity } from "../identity/hub-identity.ts";
import type { Store } from "../store/store.ts";
import { issuerOf, renewedIdentity } from "./enrolment.ts";

export interface RenewalOptions {
  readonly store: Pick<Store, "identity" | "putIdentity">;
  readonly hub: Pick<HubIdentity, "certify" | "cas">;
  /** Hub time in ms. */
  readonly now: () => number;
}

const attempts = 5;

/** `certificate.renew {csr}` to `{certificate}`: PEM of its own and its issuer's. ENROL_INVALID, IDENTITY_UNKNOWN. */
export function renewalResponder({ store, hub, now }: RenewalOptions): (agent: string) => Responder {
  return (agent) =>
    async ({ csr }) => {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const known = await store.identity(agent);
        const key = known?.state === "active" ? publicKey(known.key) : null;
        if (known === null || key === null)
          throw new PetrelError("IDENTITY_UNKNOWN", "no such agent is enrolled");
        if (typeof csr !== "string" || !isRequestOf(csr, agent, key)) {
          throw new PetrelError("ENROL_INVALID", "this is no request for a certificate of the agent's key");
        }
        const renewed = renewedIdentity(known, hub, now());
        if (renewed !== known && (await store.putIdentity(renewed, known.rev)) !== "done") continue;
        const pem = renewed.certificate?.pem ?? "";
        return { certificate: pem + issuerOf(pem, hub.cas()) };
      }
      throw new PetrelError("STORE_WRITE", `the identity of ${agent} changed under its writer`);
    };
}
