/** What a runner's test needs: a pack in a temporary folder, a context that records. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ProcessGroup } from "../../agent/actions/journal.ts";
import type { RunOutcome, StopReason } from "../../agent/actions/outcome.ts";
import type { DatastoreCall, RunnerSettings } from "../../agent/actions/runners/runner.ts";
import type { JsonObject } from "../../shared/json.ts";
import { silentLogger } from "../../shared/log.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import { atEnd } from "./at-end.ts";
import { actionRequest, allRunners } from "./runner-settings.ts";
import { tempFolder } from "./temp-folder.ts";

export interface BenchRun {
  readonly outcome: Promise<RunOutcome>;
  /** Asks the run to end. */
  stop(reason: StopReason): void;
  readonly groups: (ProcessGroup | null)[];
  readonly streamed: { stream: string; offset: number; text: string }[];
}

export interface BenchOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly config?: JsonObject;
  readonly datastore?: DatastoreCall;
  /** Called when the run announces its start, before it may go on. */
  readonly onStarted?: (group: ProcessGroup | null) => Promise<void> | void;
  readonly settings?: Partial<RunnerSettings>;
}

/** Starts one action; the pack's files are written first. */
export async function startRun(
  runnerName: string,
  request: Partial<ActionRequestEntry>,
  options: BenchOptions = {},
): Promise<BenchRun & { readonly folder: string; readonly request: ActionRequestEntry }> {
  const folder = await tempFolder("runner");
  for (const [name, text] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
    if (name.includes("/bin/")) await chmod(join(folder, name), 0o755);
  }
  const runner = allRunners(folder, options.settings).find(({ name }) => name === runnerName);
  if (runner === undefined) throw new Error(`no runner ${runnerName}`);
  const control = new AbortController();
  const groups: (ProcessGroup | null)[] = [];
  const streamed: { stream: string; offset: number; text: string }[] = [];
  const full = actionRequest({ runner: runnerName, ...request });
  const outcome = (async () =>
    runner.run(full, {
      stop: control.signal,
      started: async (group) => {
        groups.push(group);
        await options.onStarted?.(group);
      },
      onOutput: (stream, offset, text) => streamed.push({ stream, offset, text }),
      packs: { ensurePack: async () => folder, packConfig: async () => options.config ?? {} },
      datastore: options.datastore ?? (async () => null),
      log: silentLogger,
    }))();
  // The test awaits it later; a rejection before that is not unhandled.
  outcome.catch(() => {});
  // A test that failed half-way must leave no process behind.
  atEnd(async () => {
    control.abort({ kind: "shutdown" } satisfies StopReason);
    await outcome.catch(() => {});
  });
  return { outcome, stop: (reason) => control.abort(reason), groups, streamed, folder, request: full };
}
