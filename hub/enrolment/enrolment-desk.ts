/** What people do about identities: tokens, approvals, removals, rotations. */
import { type RandomBytes, timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { fingerprint } from "../../shared/identity/ed25519.ts";
import { formatToken, tokenKey, tokenRoot } from "../../shared/identity/enrolment.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentIdentity, EnrolmentToken } from "../../shared/model/identity.ts";
import { isAgentId } from "../../shared/ref.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import { type ClosingStore, closeWork } from "../agents/close-work.ts";
import { removed } from "../agents/presence.ts";
import { mosquittoFiles } from "../broker/mosquitto.ts";
import { hubAgentId } from "../executions/place.ts";
import type { HubIdentity } from "../identity/hub-identity.ts";
import type { Identities } from "../identity/identities.ts";
import { neighborLabels } from "../packs/built-in.ts";
import type { Store } from "../store/store.ts";
import { turnedDown } from "./former.ts";
import { type TokenProblem, tokenProblem } from "./token-life.ts";

export interface TokenRequest {
  readonly uses: number;
  /** Seconds. */
  readonly ttl: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The only id it is good for. */
  readonly agent: string | null;
}

export interface TokenView extends Omit<EnrolmentToken, "sealed" | "rev" | "revoked"> {
  readonly state: "usable" | TokenProblem;
}

export interface NewToken extends TokenView {
  /** Shown once: only its key is kept. */
  readonly token: string;
  /** To be run on the host. */
  readonly command: string;
}

/** An identity as people see it. */
export interface IdentityView extends Omit<AgentIdentity, "certificate" | "former" | "rev"> {
  readonly fingerprint: string;
  readonly certificate_ends: string | null;
}

export interface RotateRequest {
  /** The root key in PEM, when it is not with the hub. */
  readonly root: string | null;
}

export interface BrokerConfigRequest {
  /** Names and addresses under which agents reach the broker. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly folder: string;
}

export interface EnrolmentDesk {
  createToken(request: TokenRequest): Promise<NewToken>;
  tokens(): Promise<readonly TokenView[]>;
  /** NOT_FOUND. */
  revokeToken(id: string): Promise<TokenView>;
  identities(): readonly IdentityView[];
  /** `expected`: its key's fingerprint, compared by whoever approves. NOT_FOUND, AGENT_EXISTS. */
  approve(agent: string, expected: string | null): Promise<IdentityView>;
  /** NOT_FOUND. */
  reject(agent: string): Promise<IdentityView>;
  /** Takes an agent out of the fleet; with `purge` its record goes too. AGENT_UNKNOWN. */
  remove(agent: string, purge: boolean): Promise<IdentityView>;
  rotateKeys(
    request: RotateRequest & { readonly dropOld: boolean },
  ): Promise<{ serial: number; keys: readonly string[] }>;
  rotateCa(request: RotateRequest): Promise<{ readonly cas: number }>;
  brokerConfig(request: BrokerConfigRequest): Readonly<Record<string, string>>;
}

export interface EnrolmentDeskOptions {
  readonly store: ClosingStore &
    Pick<
      Store,
      "identity" | "putIdentity" | "dropIdentity" | "tokens" | "token" | "putToken" | "forgetAgent"
    >;
  readonly hub: HubIdentity;
  readonly identities: Identities;
  readonly registry: Pick<AgentRegistry, "update">;
  /** As the datastore's secrets are. */
  readonly seal: (text: string) => Promise<string>;
  /** Where hosts enrol and agents connect, as they should write it. */
  readonly place: () => { readonly hub: string; readonly enroll: string };
  /** Of this hub; its broker knows it as `hub:NAME`. */
  readonly name: string;
  readonly prefix: string;
  readonly random: RandomBytes;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly log: Logger;
}

const attempts = 5;

export function enrolmentDesk(options: EnrolmentDeskOptions): EnrolmentDesk {
  const { store, hub, identities, registry, random, now, log } = options;

  const tokenView = ({
    sealed: _,
    rev: _rev,
    revoked: _revoked,
    ...token
  }: EnrolmentToken & { revoked: boolean }): TokenView => ({
    ...token,
    state: tokenProblem({ ...token, revoked: _revoked }, now()) ?? "usable",
  });

  /** Changes an identity; decided again when it changed meanwhile. `null` from `change`: nothing is written. */
  const change = async (
    agent: string,
    decide: (known: AgentIdentity | null) => AgentIdentity,
  ): Promise<AgentIdentity> => {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const known = await store.identity(agent);
      const next = decide(known);
      if (next === known) return next;
      if ((await store.putIdentity(next, known?.rev ?? null)) === "done") return next;
    }
    throw new PetrelError("STORE_WRITE", `the identity of ${agent} changed under its writer; try again`);
  };

  return {
    async createToken({ uses, ttl, labels, agent }) {
      if (agent !== null && !isAgentId(agent)) {
        throw new PetrelError("AGENT_ID", `'${agent.slice(0, 80)}' cannot be an agent id`);
      }
      const text = {
        id: tokenId(random),
        secret: Buffer.from(random(32)).toString("base64url"),
        root: tokenRoot(hub.root.fingerprint),
      };
      const token: EnrolmentToken = {
        id: text.id,
        sealed: await options.seal(Buffer.from(tokenKey(text)).toString("base64url")),
        uses,
        uses_at_first: uses,
        created_at: timestamp(now()),
        expires_at: timestamp(now() + ttl * 1_000),
        // Packs for the work of the centre, such as alert, go to this label.
        labels: agent === hubAgentId ? { ...neighborLabels, ...labels } : labels,
        agent,
        revoked: false,
        rev: 1,
      };
      if (!(await store.putToken(token, null))) throw new PetrelError("ALREADY_EXISTS", "try again");
      log.info("an enrolment token was made", { id: token.id, uses, expires_at: token.expires_at });
      const { hub: url, enroll } = options.place();
      const line = formatToken(text);
      const at = enroll === url ? "" : ` --enroll-at ${enroll}`;
      const id = agent === null ? "" : ` --id ${agent}`;
      return {
        ...tokenView(token),
        token: line,
        command: `petrel-agent enroll --hub ${url}${at}${id} --token ${line}`,
      };
    },
    tokens: async () =>
      (await store.tokens()).map(tokenView).sort((a, b) => (a.created_at < b.created_at ? 1 : -1)),
    async revokeToken(id) {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const token = await store.token(id);
        if (token === null) {
          throw new PetrelError("NOT_FOUND", `no token has the id ${id}`, {
            hint: "`petrel agent token list` shows all",
          });
        }
        const next = { ...token, revoked: true, rev: token.rev + 1 };
        if (token.revoked || (await store.putToken(next, token.rev))) return tokenView(next);
      }
      throw new PetrelError("STORE_WRITE", `token ${id} changed under its writer; try again`);
    },
    identities: () => identities.all().map(identityView),
    async approve(agent, expected) {
      const approved = await change(agent, (known) => {
        if (known === null || known.state === "removed") throw notPending(agent);
        const own = fingerprint(known.key);
        if (expected !== null && own !== expected) {
          throw new PetrelError("AGENT_EXISTS", `the host that waits under this id has another key: ${own}`, {
            where: agent,
            hint: `compare with what the host shows; if it is a stranger: petrel agent reject ${agent}`,
          });
        }
        if (known.state === "active") return known;
        return { ...known, state: "active", enrolled_at: timestamp(now()), rev: known.rev + 1 };
      });
      log.info("an agent was approved", { agent, fingerprint: fingerprint(approved.key) });
      return identityView(approved);
    },
    async reject(agent) {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const known = await store.identity(agent);
        if (known?.state !== "pending") throw notPending(agent);
        const left = turnedDown(known);
        const isDone =
          left === null
            ? await store.dropIdentity(agent, known.rev)
            : (await store.putIdentity(left, known.rev)) === "done";
        if (isDone) return identityView(known);
      }
      throw new PetrelError("STORE_WRITE", `the identity of ${agent} changed under its writer; try again`);
    },
    async remove(agent, purge) {
      const gone = await change(agent, (known) => {
        if (known === null) {
          throw new PetrelError("AGENT_UNKNOWN", `no agent has the id ${agent}`, {
            hint: "`petrel agent list` shows all",
          });
        }
        return known.state === "removed" ? known : { ...known, state: "removed", rev: known.rev + 1 };
      });
      // From here on its key is nobody's and its connection closed. What follows is for what it was given.
      await registry.update(agent, (known) =>
        known === null || known.removed !== undefined ? null : removed(known, now()),
      );
      const ended = await closeWork(store, agent, now);
      // A rule may have chosen it in the same moment.
      const late = await closeWork(store, agent, now);
      if (purge) await store.forgetAgent(agent);
      log.warn("an agent was removed", { agent, purge, executions_ended: ended + late });
      return identityView(gone);
    },
    async rotateKeys({ root, dropOld }) {
      const { serial, keys } = await hub.rotateKeys(root, dropOld);
      return { serial, keys: keys.map(fingerprint) };
    },
    async rotateCa({ root }) {
      await hub.rotateCa(root);
      return { cas: hub.cas().length };
    },
    brokerConfig({ hosts, port, folder }) {
      const { key, cert } = hub.server(hosts);
      return {
        ...mosquittoFiles({ prefix: options.prefix, hub: `hub:${options.name}`, port, folder }),
        "ca.crt": hub.root.certificate + hub.cas().join(""),
        "broker.crt": cert,
        "broker.key": key,
      };
    },
  };
}

export function identityView({
  certificate,
  former: _former,
  rev: _,
  ...identity
}: AgentIdentity): IdentityView {
  return {
    ...identity,
    fingerprint: fingerprint(identity.key),
    certificate_ends: certificate?.not_after ?? null,
  };
}

const letters = "abcdefghijklmnopqrstuvwxyz234567";

function tokenId(random: RandomBytes): string {
  return Array.from(random(12), (byte) => letters[byte % letters.length]).join("");
}

const notPending = (agent: string) =>
  new PetrelError("NOT_FOUND", `no host waits to be approved as ${agent}`, {
    hint: "`petrel agent pending` shows those that do",
  });

/** The desk as operations of the hub; ENROL_OFF where there is none. */
export function identityOperations(desk: EnrolmentDesk | null) {
  const open = async (): Promise<EnrolmentDesk> => {
    if (desk !== null) return desk;
    throw new PetrelError("ENROL_OFF", "this hub runs in dev mode, where there are no identities", {
      hint: "start it without --dev",
    });
  };
  return {
    createToken: async (request: TokenRequest) => (await open()).createToken(request),
    tokens: async () => (await open()).tokens(),
    revokeToken: async (id: string) => (await open()).revokeToken(id),
    identities: async () => (await open()).identities(),
    approveAgent: async (id: string, expected: string | null) => (await open()).approve(id, expected),
    rejectAgent: async (id: string) => (await open()).reject(id),
    removeAgent: async (id: string, purge: boolean) => (await open()).remove(id, purge),
    rotateHubKeys: async (request: RotateRequest & { readonly dropOld: boolean }) =>
      (await open()).rotateKeys(request),
    rotateCa: async (request: RotateRequest) => (await open()).rotateCa(request),
    brokerConfig: async (request: BrokerConfigRequest) => (await open()).brokerConfig(request),
  };
}
