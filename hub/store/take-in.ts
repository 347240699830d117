/** Taking in what an agent's ledger brings: the check of owner and mark, and the effects of its entries. */
import { PetrelError } from "../../shared/errors.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { Execution } from "../../shared/model/execution.ts";
import { step } from "../executions/life.ts";
import type { Draft } from "./draft.ts";
import { putExecution } from "./execution-record.ts";
import {
  createByHand,
  type HistoryRules,
  instanceReads,
  occurred,
  outcomeReads,
  putGap,
  putInstance,
  putLetter,
  replaceExecution,
  takeInOutcome,
  tellExecution,
} from "./history-record.ts";
import { putJob } from "./job-record.ts";
import { keys } from "./keys.ts";
import type { DeadLetter } from "./port/history.ts";
import type { Effect, TakeIn, TakeInResult } from "./port/intake.ts";
import type { Claim } from "./port/ledgers.ts";
import { putUpgradeReport } from "./upgrade-record.ts";

/** Who serves an agent. */
export interface ClaimRecord {
  readonly hub: string;
  readonly fence: number;
  readonly epoch: string;
  readonly until: number;
}

/** The mark of an up epoch, and when it last moved (milliseconds). */
export interface MarkRecord {
  readonly n: number;
  readonly at: number;
}

export const owns = (record: ClaimRecord, claim: Claim) =>
  record.hub === claim.hub && record.fence === claim.fence;

/** Effects and mark, or nothing: checks owner, mark and revisions first, and writes none if one does not fit. */
export function takeIn(draft: Draft, rules: HistoryRules, take: TakeIn, at: number): TakeInResult {
  const { claim, epoch, expectMark, newMark, effects } = take;
  const record = draft.get<ClaimRecord>(keys.claim(claim.agent));
  if (record === null || !owns(record, claim)) return { done: false, why: "not-owner" };
  const mark = draft.get<MarkRecord>(keys.mark(claim.agent, epoch))?.n ?? 0;
  if (!(newMark >= expectMark)) throw new PetrelError("INTERNAL", "a mark never goes back");
  if (mark !== expectMark) return { done: false, why: "mark", mark };
  for (const effect of effects) {
    const conflict = apply(draft, rules, effect);
    if (conflict !== null) return draft.refuse({ done: false, why: "conflict", id: conflict });
  }
  draft.put(keys.mark(claim.agent, epoch), { n: newMark, at } satisfies MarkRecord);
  return { done: true };
}

/** Answers the id of a record that has changed meanwhile, `null` when all is well. */
function apply(draft: Draft, rules: HistoryRules, effect: Effect): string | null {
  switch (effect.type) {
    case "instance":
      putInstance(draft, rules, effect.instance);
      return null;
    case "outcome":
      takeInOutcome(draft, rules, effect.outcome);
      return null;
    case "execution": {
      const { execution, expectRev } = effect;
      return replaceExecution(draft, rules, execution, expectRev) ? null : execution.id;
    }
    case "agent":
      return putAgent(draft, rules, effect.agent, effect.expectRev) ? null : effect.agent.id;
    case "sensor":
      putSensor(draft, rules, effect.sensor);
      return null;
    case "dead-letter":
      putLetter(draft, rules, effect.letter);
      return null;
    case "gap":
      putGap(draft, effect.gap);
      return null;
    case "job":
      putJob(draft, effect.job);
      return null;
    case "recovered":
      createByHand(draft, rules, [effect.execution], []);
      return null;
    case "upgrade-report":
      putUpgradeReport(draft, effect.report);
      return null;
  }
}

/** Keys that `takeIn` will look at. */
export function takeInReads({ claim, epoch, effects }: TakeIn): string[] {
  return [keys.claim(claim.agent), keys.mark(claim.agent, epoch), ...effects.flatMap(effectReads)];
}

function effectReads(effect: Effect): string[] {
  switch (effect.type) {
    case "instance":
      return instanceReads(effect.instance.id);
    case "outcome":
      return outcomeReads(effect.outcome);
    case "execution":
    case "recovered":
      return [keys.execution(effect.execution.id)];
    case "agent":
      return [keys.agent(effect.agent.id)];
    case "dead-letter":
      return [keys.letter(effect.letter.id), keys.tally()];
    case "job":
      return [keys.job(effect.job.id)];
    case "sensor":
    case "gap":
    case "upgrade-report":
      return [];
  }
}

/** False when the record is no longer at `expectRev` (`null`: there is none). */
export function putAgent(
  draft: Draft,
  rules: HistoryRules,
  agent: AgentRecord,
  expectRev: number | null,
): boolean {
  const before = draft.get<AgentRecord>(keys.agent(agent.id));
  if ((before?.rev ?? null) !== expectRev) return false;
  draft.put(keys.agent(agent.id), agent);
  draft.change({ type: "agent", agent });
  const lost = before?.lost;
  if (lost === undefined && agent.lost !== undefined) occurred(draft, rules, { type: "agent-lost", agent });
  if (lost !== undefined && agent.lost === undefined) {
    occurred(draft, rules, { type: "agent-back", agent, lost });
  }
  return true;
}

const sensorNews = ["sensor-failed", "sensor-spawned", "sensor-exited"] as const;

function putSensor(draft: Draft, rules: HistoryRules, sensor: SensorRecord): void {
  if (sensorNews.some((type) => rules.teller.wants(type))) {
    const before = draft.get<SensorRecord>(keys.sensor(sensor.agent, sensor.sensor));
    // Said again after each restart of its agent, it is no news.
    if (sensor.state === "failed" && before?.state !== "failed") {
      occurred(draft, rules, { type: "sensor-failed", sensor });
    }
    const pid = before?.pid ?? null;
    if (pid !== null && sensor.pid !== pid) occurred(draft, rules, { type: "sensor-exited", sensor, pid });
    if (sensor.pid !== null && sensor.pid !== pid) occurred(draft, rules, { type: "sensor-spawned", sensor });
  }
  draft.put(keys.sensor(sensor.agent, sensor.sensor), sensor);
  draft.change({ type: "sensor", sensor });
}

/** A request that its agent can never take has failed, in the same batch that sets it aside. */
export function failParked(
  draft: Draft,
  rules: HistoryRules,
  id: string,
  { received_at, reason }: Pick<DeadLetter, "received_at" | "reason">,
): void {
  const execution = draft.get<Execution>(keys.execution(id));
  if (execution === null) return;
  const failed = step(execution, { type: "fail", at: Date.parse(received_at), reason });
  if (!failed.moved) return;
  putExecution(draft, execution, failed.execution);
  tellExecution(draft, rules, execution, failed.execution);
}
