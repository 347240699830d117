/** From an agent's entries to the effects that are written with its mark. */
import { parseTimestamp, timestamp } from "../../shared/clock.ts";
import { isObject } from "../../shared/json.ts";
import type { NumberedEntry } from "../../shared/link/ports.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { UpgradeReport } from "../../shared/model/agent-rollout.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type {
  ExecutionUpdateEntry,
  InventoryEntry,
  SensorEventEntry,
  TriggerEntry,
  UpEntry,
  UpgradeReportEntry,
} from "../../shared/wire/messages.ts";
import { effectiveLabels } from "../agents/labels.ts";
import { fetchJobs } from "../executions/result-blobs.ts";
import { applyUpdate, type IdleKind } from "../executions/update.ts";
import { anchorIn, anchorTrigger, setBack, tamperedTrigger } from "../files/baseline-anchors.ts";
import { withSealedResult } from "../secrets/sealed-execution.ts";
import { letterEntry } from "../secrets/sealed-letter.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { DeadLetter } from "../store/port/history.ts";
import type { Effect, Outcome } from "../store/port/intake.ts";
import { mayBeLost, type Recovery, recoveredExecution, remade } from "./recover.ts";

export interface TakeContext {
  readonly agent: AgentRecord;
  /** Hub time in ms; never goes back. */
  readonly nowMs: number;
  /** A ULID for records that have no entry of their own. */
  readonly newId: () => string;
  readonly execution: (id: string) => Promise<Execution | null>;
  /** A fresh instance with what was expected of it. */
  readonly expect: (instance: TriggerInstance, skewMs: number) => TriggerInstance;
  /** Encrypts what is secret in results. */
  readonly sealer: Sealer;
  /** Judges a fresh instance. */
  readonly judge: (instance: TriggerInstance, skewMs: number) => Promise<Outcome>;
  /** The greatest number of the agent's latest changes of files; 0 when none is found. */
  readonly lastSeq: () => Promise<number>;
  /** Only for a database that was restored from a backup. */
  readonly recovery?: Recovery;
  /** Told of a letter that could not be kept whole. */
  readonly lost: (letter: DeadLetter) => void;
  /** Counts what is normal and needs no record: repeats, late news. */
  readonly count: (what: string) => void;
  /** Told of each report about an execution that changes nothing. */
  readonly idleReport: (kind: IdleKind) => void;
}

/** A trigger older than this when it arrives is marked late (ms). */
const lateAfterMs = 30_000;

/**
 * All effects of `entries`, in their order. Executions and the agent's record are read once and carried along, so
 * that several updates in one packet build on each other; the store checks the revisions they started from.
 */
export async function takeEntries(
  entries: readonly NumberedEntry<UpEntry>[],
  context: TakeContext,
): Promise<readonly Effect[]> {
  const effects: Effect[] = [];
  // Made when it is needed: most packets tell of triggers alone.
  let executions: Map<string, Changed> | null = null;
  let agent = context.agent;
  for (const { entry } of entries) {
    switch (entry.kind) {
      case "trigger":
        effects.push({ type: "outcome", outcome: await judged(entry, agent, context) });
        if (entry.trigger === anchorTrigger) {
          const taken = await takeAnchor(entry, agent, context);
          effects.push(...taken.effects);
          agent = taken.agent;
        }
        break;
      case "execution-update": {
        executions ??= new Map<string, Changed>();
        let known = executions.get(entry.execution) ?? null;
        if (known === null) {
          const start =
            (await context.execution(entry.execution)) ??
            (await remadeHere(entry.execution, effects, context));
          if (start !== null) known = executions.get(start.id) ?? { start, now: start };
        }
        if (known === null || known.now.agent !== agent.id) {
          const effect = await unknownExecution(entry, effects, context);
          if (effect !== null) effects.push(effect);
          if (effect?.type !== "recovered" || entry.status === "accepted") break;
          known = { start: effect.execution, now: effect.execution };
        }
        const applied = applyUpdate(known.now, entry, context.nowMs, agent.skew_ms ?? 0);
        if (applied.changed) {
          if (known.now === known.start) executions.set(known.start.id, known);
          known.now = withSealedResult(known.now, applied.execution, context.sealer, entry.result_key);
        } else {
          context.count(applied.reason);
          if (applied.kind !== null) context.idleReport(applied.kind);
        }
        break;
      }
      case "sensor-event":
        effects.push(sensorEffect(entry, agent.id));
        break;
      case "inventory":
        agent = applyInventory(agent, entry);
        break;
      case "link-gap":
        effects.push({
          type: "gap",
          gap: {
            id: entry.id,
            agent: agent.id,
            direction: entry.direction ?? "up",
            epoch: entry.epoch,
            from: entry.from,
            to: entry.to,
            reason: entry.reason,
            recorded_at: timestamp(context.nowMs),
          },
        });
        break;
      case "upgrade-report":
        effects.push({ type: "upgrade-report", report: upgradeReport(entry, agent.id, context.nowMs) });
        break;
      case "void":
        context.count("void");
        break;
      default:
        effects.push(
          deadLetter(entry, agent.id, context, "WIRE_PACKET", "this hub does not know entries of this kind"),
        );
    }
  }
  for (const { start, now } of executions?.values() ?? []) {
    // One record per execution: revisions in between were never visible to anybody.
    const rev = start.rev + 1;
    const execution = now.rev === rev ? now : { ...now, rev };
    effects.push({ type: "execution", execution, expectRev: start.rev });
    for (const job of fetchJobs(start, now, context.nowMs)) effects.push({ type: "job", job });
  }
  if (agent !== context.agent) {
    const expectRev = context.agent.rev;
    effects.push({ type: "agent", agent: { ...agent, rev: expectRev + 1 }, expectRev });
  }
  return effects;
}

/** An execution as it was, and as the entries so far have left it. */
interface Changed {
  readonly start: Execution;
  now: Execution;
}

/** Executions that this take is about to write. */
function madeBy(effects: readonly Effect[]): readonly Execution[] {
  return effects.flatMap((effect) => {
    if (effect.type === "outcome") return effect.outcome.executions;
    return effect.type === "recovered" ? [effect.execution] : [];
  });
}

/** On a restored hub: the execution that stands for one that the backup does not have. */
async function remadeHere(
  id: string,
  effects: readonly Effect[],
  { agent, recovery }: TakeContext,
): Promise<Execution | null> {
  if (recovery === undefined) return null;
  return remade(id, agent.id, madeBy(effects)) ?? remade(id, agent.id, await recovery.open());
}

/** `null`: there is nothing to write, since it will be heard of again or cannot be told apart from what is. */
async function unknownExecution(
  entry: ExecutionUpdateEntry,
  effects: readonly Effect[],
  context: TakeContext,
): Promise<Effect | null> {
  const { agent, nowMs, count, recovery } = context;
  const { execution: id, trigger_instance = null } = entry;
  if (
    recovery === undefined ||
    !mayBeLost(id, recovery.restoredAtMs) ||
    (await context.execution(id)) !== null
  ) {
    return deadLetter(entry, agent.id, context, "NOT_FOUND", `no execution ${id} on this agent`);
  }
  const isHere = (instance: string) =>
    effects.some((effect) => effect.type === "outcome" && effect.outcome.instance.id === instance);
  if (trigger_instance !== null && !isHere(trigger_instance)) {
    const family = await recovery.family(trigger_instance);
    if (family === null || remade(id, agent.id, family) !== null) {
      // Once its trigger has come in again it is asked for again, and then its agent tells how it ended; or it has.
      count("an execution that is asked for again");
      return null;
    }
  }
  const execution = recoveredExecution(entry, agent.id, nowMs);
  if (execution !== null) return { type: "recovered", execution };
  count("news of an execution that the backup does not have");
  return null;
}

function judged(entry: TriggerEntry, agent: AgentRecord, context: TakeContext): Promise<Outcome> {
  const occurredMs = parseTimestamp(entry.at);
  const hubMs = entry.hub_at === undefined ? null : parseTimestamp(entry.hub_at);
  // Its clock may have been set since its hello, or between then and now.
  const skewMs = occurredMs !== null && hubMs !== null ? occurredMs - hubMs : (agent.skew_ms ?? 0);
  const instance: TriggerInstance = {
    id: entry.id,
    trigger: entry.trigger,
    payload: entry.payload,
    origin: { agent: agent.id, host: agent.host, labels: agent.labels },
    occurrence_time: entry.at,
    received_at: timestamp(context.nowMs),
    status: "pending",
    reason: null,
    late: occurredMs !== null && context.nowMs - (occurredMs - skewMs) > lateAfterMs,
    trace_tag: entry.trace_tag ?? null,
    validation: null,
    re_emit_of: null,
    rule_set_version: null,
  };
  return context.judge(context.expect(withParameters(instance, entry.parameters), skewMs), skewMs);
}

/** Few triggers say which one of their type they are. */
function withParameters(instance: TriggerInstance, parameters: TriggerEntry["parameters"]): TriggerInstance {
  if (parameters === undefined) return instance;
  const { id, trigger, ...rest } = instance;
  return { id, trigger, parameters, ...rest };
}

async function takeAnchor(
  entry: TriggerEntry,
  agent: AgentRecord,
  context: TakeContext,
): Promise<{ readonly effects: readonly Effect[]; readonly agent: AgentRecord }> {
  const anchor = anchorIn(entry.payload);
  if (anchor === null) return { effects: [], agent };
  const lastTold = anchor.told === undefined ? 0 : await context.lastSeq();
  const payload = setBack(agent.baseline ?? null, anchor, lastTold, timestamp(context.nowMs));
  const finding = { ...entry, id: context.newId(), trigger: tamperedTrigger };
  const effects: Effect[] =
    payload === null
      ? []
      : [{ type: "outcome", outcome: await judged({ ...finding, payload }, agent, context) }];
  return { effects, agent: { ...agent, baseline: anchor } };
}

function sensorEffect(entry: SensorEventEntry, agent: string): Effect {
  const { sensor, state, pid, restarts, last_error, cmd, exit_code, fingerprint, problem } = entry;
  return {
    type: "sensor",
    sensor: {
      ...{ agent, sensor, state, pid, restarts, last_error, since: entry.at },
      ...(cmd !== undefined && { cmd }),
      ...(exit_code !== undefined && { exit_code }),
      ...(fingerprint !== undefined && { fingerprint }),
      ...(problem !== undefined && { problem }),
    },
  };
}

function upgradeReport(entry: UpgradeReportEntry, agent: string, nowMs: number): UpgradeReport {
  const { upgrade, state, code = null, reason = null } = entry;
  return { agent, upgrade, state, code, reason, received_at: timestamp(nowMs) };
}

function applyInventory(agent: AgentRecord, entry: InventoryEntry): AgentRecord {
  // An agent that was set back to an older version says nothing of them any more.
  const {
    fingerprints: _f,
    preparing: _p,
    pack_problems: _w,
    policy: _h,
    store_format: _s,
    ...before
  } = agent;
  const reported = { ...before, reported_labels: entry.labels };
  return {
    ...reported,
    labels: effectiveLabels(reported),
    host: entry.host,
    version: entry.version,
    packs: entry.packs,
    runners: entry.runners,
    ...(entry.fingerprints !== undefined && { fingerprints: entry.fingerprints }),
    ...(entry.preparing !== undefined && { preparing: entry.preparing }),
    ...(entry.problems !== undefined && { pack_problems: entry.problems }),
    ...(entry.policy !== undefined && { policy: entry.policy }),
    ...(entry.store_format !== undefined && { store_format: entry.store_format }),
  };
}

/** An entry that is well formed and of no use: kept for the operator, so that nothing behind it waits. */
function deadLetter(
  entry: unknown,
  agent: string,
  context: TakeContext,
  code: string,
  reason: string,
): Effect {
  const id = isObject(entry) && typeof entry.id === "string" ? entry.id : context.newId();
  const letter: DeadLetter = {
    id,
    agent,
    received_at: timestamp(context.nowMs),
    code,
    reason,
    ...letterEntry(entry, context.sealer),
  };
  if (letter.left_out !== undefined) context.lost(letter);
  return { type: "dead-letter", letter };
}
