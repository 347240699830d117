/** Identities of agents, and the tokens that new ones enrol with. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { AgentIdentity, EnrolmentToken } from "../../shared/model/identity.ts";
import { tokenProblem } from "../enrolment/token-life.ts";
import type { Draft } from "./draft.ts";
import { keys, part, within } from "./keys.ts";
import type { AgentStore, IdentityStore } from "./port/agents.ts";
import type { RecordWriter, Rows } from "./records.ts";

export function createIdentityStore({
  database: { level },
  writer,
}: {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
}): IdentityStore & Pick<AgentStore, "forgetAgent"> {
  const readAll = async <T>(prefix: string): Promise<T[]> =>
    (await level.values(within(prefix)).all()).map((text) => JSON.parse(text) as T);
  const revOf = (draft: Draft, key: string) => draft.get<{ readonly rev: number }>(key)?.rev ?? null;
  return {
    identities: () => readAll<AgentIdentity>("ai/"),
    identity: (agent) => writer.read<AgentIdentity>(keys.identity(agent)),

    putIdentity: (identity, expectRev, use) => {
      const key = keys.identity(identity.agent);
      const tokenKey = use === undefined ? null : keys.token(use.token);
      return writer.submit({
        source: "",
        reads: tokenKey === null ? [key] : [key, tokenKey],
        plan: (draft) => {
          if (revOf(draft, key) !== expectRev) return "changed";
          if (use !== undefined && tokenKey !== null) {
            const token = draft.get<EnrolmentToken>(tokenKey);
            if (token === null || tokenProblem(token, use.now) !== null) return "token";
            draft.put(tokenKey, { ...token, uses: token.uses - 1, rev: token.rev + 1 });
          }
          draft.put(key, identity);
          draft.change({ type: "identity", identity });
          return "done";
        },
      });
    },

    dropIdentity: (agent, expectRev) =>
      writer.submit({
        source: "",
        reads: [keys.identity(agent)],
        plan: (draft) => {
          const key = keys.identity(agent);
          if (draft.get<AgentIdentity>(key)?.rev !== expectRev) return false;
          draft.remove(key);
          draft.change({ type: "identity-gone", agent });
          return true;
        },
      }),

    tokens: () => readAll<EnrolmentToken>("at/"),
    token: (id) => writer.read<EnrolmentToken>(keys.token(id)),

    putToken: (token, expectRev) =>
      writer.submit({
        source: "",
        reads: [keys.token(token.id)],
        plan: (draft) => {
          if (revOf(draft, keys.token(token.id)) !== expectRev) return false;
          draft.put(keys.token(token.id), token);
          return true;
        },
      }),

    async dropTokens(before) {
      const old = (await readAll<EnrolmentToken>("at/")).filter(
        ({ expires_at }) => (parseTimestamp(expires_at) ?? 0) < before,
      );
      if (old.length === 0) return 0;
      await writer.submit({
        source: "",
        plan: (draft) => {
          for (const { id } of old) draft.remove(keys.token(id));
        },
      });
      return old.length;
    },

    async forgetAgent(agent) {
      const sensors = await level.keys(within(`s/${part(agent)}/`)).all();
      await writer.submit({
        source: "",
        weight: 1 + sensors.length,
        plan: (draft) => {
          draft.remove(keys.agent(agent));
          draft.remove(keys.upgradeReport(agent));
          for (const key of sensors) draft.remove(key);
        },
      });
    },
  };
}
