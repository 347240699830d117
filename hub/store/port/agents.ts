/** Agents with their sensors, their identities, and the tokens that new ones enrol with. */
import type { AgentRecord, SensorRecord } from "../../../shared/model/agent.ts";
import type { AgentIdentity, EnrolmentToken } from "../../../shared/model/identity.ts";
import type { Written } from "./written.ts";

/** Agents as the hub has seen them, and their sensors. */
export interface AgentStore {
  agents(): Promise<readonly AgentRecord[]>;
  agent(id: string): Promise<AgentRecord | null>;
  putAgent(agent: AgentRecord, expectRev: number | null): Promise<Written>;
  /** Deletes the record of an agent, and those of its sensors. Its history stays, and so do the marks of its ledgers. */
  forgetAgent(agent: string): Promise<void>;
  sensors(agent?: string): Promise<readonly SensorRecord[]>;
}

/** Who is enrolled, and what new agents enrol with. */
export interface IdentityStore {
  identities(): Promise<readonly AgentIdentity[]>;
  identity(agent: string): Promise<AgentIdentity | null>;
  /**
   * With `use`, one use of a token is taken in the same batch. `changed`: another revision than `expectRev` is there;
   * `token`: it is unknown, revoked, expired at `now` (ms) or used up. Nothing is written then.
   */
  putIdentity(
    identity: AgentIdentity,
    expectRev: number | null,
    use?: { readonly token: string; readonly now: number },
  ): Promise<"done" | "changed" | "token">;
  dropIdentity(agent: string, expectRev: number): Promise<Written>;
  tokens(): Promise<readonly EnrolmentToken[]>;
  token(id: string): Promise<EnrolmentToken | null>;
  putToken(token: EnrolmentToken, expectRev: number | null): Promise<Written>;
  /** Deletes tokens that expired before this (ms); resolves to how many. */
  dropTokens(before: number): Promise<number>;
}
