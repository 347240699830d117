/** One path on many hosts: who has the same there, the few before the many. Pure. */
import type { Unanswered } from "../../shared/model/file-verification.ts";
import type { FoundPath, PathLook } from "../../shared/watch/questions.ts";
import type { Reply } from "./watchers.ts";

export interface Comparison {
  readonly path: string;
  /** Agents that were asked. */
  readonly asked: number;
  /** The smallest first, of the same size by content. */
  readonly groups: readonly SameContent[];
  /** Agents of which nothing can be said, by id. */
  readonly missing: readonly NotCompared[];
}

export interface SameContent {
  readonly kind: FoundPath["kind"] | "absent";
  /** Of a file. */
  readonly digest: string | null;
  /** Of a symbolic link. */
  readonly target: string | null;
  readonly count: number;
  /** Fewer hosts have this than something else. */
  readonly outlier: boolean;
  /** By id; what else is known is `null` where nothing is there. */
  readonly agents: readonly HostsPath[];
}

export interface HostsPath {
  readonly agent: string;
  readonly size: number | null;
  readonly mode: string | null;
  readonly owner: string | null;
  readonly group: string | null;
  readonly mtime: string | null;
}

/** `not-watched`: the path is not selected there. `no-digest`: none is taken there. */
export interface NotCompared {
  readonly agent: string;
  readonly why: Unanswered | "not-watched" | "no-digest" | "unreadable";
  readonly detail: string;
}

export function compare(path: string, replies: readonly Reply<PathLook>[]): Comparison {
  const groups = new Map<string, Omit<SameContent, "count" | "outlier"> & { agents: HostsPath[] }>();
  const missing: NotCompared[] = [];
  for (const reply of replies) {
    const unknown = notCompared(reply);
    if (unknown !== null || !("answer" in reply)) {
      if (unknown !== null) missing.push(unknown);
      continue;
    }
    const { found } = reply.answer;
    const content = contentOf(found);
    const key = JSON.stringify(content);
    const group = groups.get(key) ?? { ...content, agents: [] };
    groups.set(key, group);
    group.agents.push(hostsPath(reply.agent, found));
  }
  const most = Math.max(0, ...[...groups.values()].map(({ agents }) => agents.length));
  const byAgent = (a: { agent: string }, b: { agent: string }) => (a.agent < b.agent ? -1 : 1);
  return {
    path,
    asked: replies.length,
    groups: [...groups.entries()]
      .sort(([a, { agents: one }], [b, { agents: other }]) => one.length - other.length || (a < b ? -1 : 1))
      .map(([, { agents, ...content }]) => ({
        ...content,
        count: agents.length,
        outlier: agents.length < most,
        agents: agents.sort(byAgent),
      })),
    missing: missing.sort(byAgent),
  };
}

function notCompared(reply: Reply<PathLook>): NotCompared | null {
  if (!("answer" in reply)) return reply;
  const { agent, answer } = reply;
  const { watched, error, found } = answer;
  if (!watched) return { agent, why: "not-watched", detail: "the path is not selected there" };
  if (error !== null) return { agent, why: "unreadable", detail: error };
  if (found?.kind === "file" && found.digest === null) {
    return { agent, why: "no-digest", detail: found.digest_missing ?? "none was taken yet" };
  }
  return null;
}

function contentOf(found: FoundPath | null): Pick<SameContent, "kind" | "digest" | "target"> {
  if (found === null) return { kind: "absent", digest: null, target: null };
  const { kind, digest, target } = found;
  return { kind, digest, target };
}

function hostsPath(agent: string, found: FoundPath | null): HostsPath {
  if (found === null) return { agent, size: null, mode: null, owner: null, group: null, mtime: null };
  const { size, mode, owner, group, mtime } = found;
  return { agent, size, mode, owner, group, mtime };
}
