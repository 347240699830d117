/** Binaries that may be handed out, rollouts with their agents, and what agents have said of upgrades. */
import type { AgentRelease } from "../../shared/model/agent-release.ts";
import type { AgentRollout, RolloutAgent, UpgradeReport } from "../../shared/model/agent-rollout.ts";
import { dispatch, type LedgerRules } from "./down-ledger.ts";
import { keys, within } from "./keys.ts";
import type { UpgradeStore } from "./port/upgrades.ts";
import type { RecordWriter, Rows } from "./records.ts";

export function createUpgradeStore({
  database: { level },
  writer,
  rules,
}: {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
  readonly rules: LedgerRules;
}): UpgradeStore {
  const readAll = async <T>(prefix: string): Promise<T[]> =>
    (await level.values(within(prefix)).all()).map((text) => JSON.parse(text) as T);
  return {
    agentReleases: () => readAll<AgentRelease>(keys.releases()),

    putAgentRelease: (release) => {
      const key = keys.release(release.version, release.arch);
      return writer.submit({
        source: "",
        reads: [key],
        plan: (draft) => {
          const known = draft.get<AgentRelease>(key);
          if (known === null) draft.put(key, release);
          return known ?? release;
        },
      });
    },

    removeAgentRelease: (version, arch) => {
      const key = keys.release(version, arch);
      return writer.submit({
        source: "",
        reads: [key],
        plan: (draft) => {
          if (draft.get<AgentRelease>(key) === null) return false;
          draft.remove(key);
          return true;
        },
      });
    },

    rollouts: () => readAll<AgentRollout>(keys.rollouts()),
    rollout: (id) => writer.read<AgentRollout>(keys.rollout(id)),
    rolloutAgents: (id) => readAll<RolloutAgent>(keys.rolloutAgents(id)),

    changeRollout: ({ rollout, expectRev, agents, dispatches }) =>
      writer.submit({
        source: "",
        weight: 1 + agents.length + dispatches.length,
        reads: [keys.rollout(rollout.id), ...dispatches.map(({ agent }) => keys.head(agent))],
        plan: (draft) => {
          const known = draft.get<AgentRollout>(keys.rollout(rollout.id));
          if ((known?.rev ?? null) !== expectRev) return false;
          draft.put(keys.rollout(rollout.id), rollout);
          for (const agent of agents) draft.put(keys.rolloutAgent(rollout.id, agent.agent), agent);
          for (const each of dispatches) dispatch(draft, rules, each, false);
          draft.change({ type: "rollout", rollout });
          return true;
        },
      }),

    async dropRollout(id) {
      const rows = await level.keys(within(keys.rolloutAgents(id))).all();
      await writer.submit({
        source: "",
        weight: 1 + rows.length,
        plan: (draft) => {
          draft.remove(keys.rollout(id));
          for (const key of rows) draft.remove(key);
        },
      });
    },

    upgradeReports: () => readAll<UpgradeReport>(keys.upgradeReports()),
  };
}

/** Digests of the parts of all binaries: of those to hand out, and of rollouts that have not ended. */
export async function releaseBlobs(level: Pick<Rows, "values">): Promise<readonly string[]> {
  const releases = (await level.values(within(keys.releases())).all()).map(
    (text) => JSON.parse(text) as AgentRelease,
  );
  const rollouts = (await level.values(within(keys.rollouts())).all()).map(
    (text) => JSON.parse(text) as AgentRollout,
  );
  const open = rollouts.filter(({ ended_at }) => ended_at === null).flatMap((each) => each.releases);
  return [...releases, ...open].flatMap(({ parts }) => parts.map(({ digest }) => digest));
}
