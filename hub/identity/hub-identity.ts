/** What the hub's other rooms know of its identity. */
import type { KeyObject } from "node:crypto";
import type { HubStatement } from "../../shared/identity/hub-statement.ts";
import type { IssuedCertificate } from "../../shared/model/identity.ts";

export interface KeysChanged {
  /** The hub signs with another key, or says that fewer count: links should greet anew. */
  readonly signer: boolean;
  /** TLS listeners have another certificate to show. */
  readonly tls: boolean;
}

export interface HubIdentity {
  /** For `LinkIdentity` of side hub: as they are now. */
  signer(): { readonly statement: HubStatement; readonly key: KeyObject };
  /** For a TLS listener: PEM of the key, and of the chain. */
  tls(): { readonly key: string; readonly cert: string };
  readonly root: {
    /** PEM. */
    readonly certificate: string;
    /** base64url */
    readonly key: string;
    /** `sha256:…` */
    readonly fingerprint: string;
  };
  /** The CA in use, then those before it; PEM. */
  cas(): readonly string[];
  /** A certificate for an agent, by the CA in use. */
  certify(agent: string, key: KeyObject): IssuedCertificate;
  /** For an external broker: the hub as a client named `hub:NAME`. */
  client(name: string): { readonly key: string; readonly cert: string };
  /** For an external broker itself: a new key, and a certificate for these names. */
  server(hosts: readonly string[]): { readonly key: string; readonly cert: string };
  /** `root`: the root key in PEM, when it is not in the folder. ROOT_KEY_MISSING, ROOT_KEY_WRONG. */
  rotateKeys(root: string | null, dropOld: boolean): Promise<HubStatement>;
  rotateCa(root: string | null): Promise<void>;
  /** Called after a rotation, once it is on disk and holds. */
  onKeysChanged(listener: (what: KeysChanged) => void): () => void;
}
