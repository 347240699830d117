/** The digest of a throttled rule: one enforcement for all that a window has held back. */
import { timestamp } from "../../shared/clock.ts";
import { errorReport } from "../../shared/errors.ts";
import type { Digest, RuleDefinition } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type { ThrottledItem, ThrottleView } from "../../shared/rules/throttle-key.ts";
import type { JobWork } from "../jobs/job-runner.ts";
import { digestJob } from "../policies/job-kinds.ts";
import type { DigestOutcome, ThrottleWindow } from "../store/port/throttles.ts";
import type { Store } from "../store/store.ts";
import type { DigestOccasion } from "./enforce.ts";

export interface DigestWith {
  readonly store: Pick<Store, "instance">;
  /** The rule as it is now, `null` when it is deleted. */
  readonly rule: (ref: string) => RuleDefinition | null;
  readonly enforce: (
    rule: RuleDefinition,
    instance: TriggerInstance,
    occasion: DigestOccasion,
  ) => Promise<DigestOutcome>;
  /** A fault of ours that `enforce` has thrown; it is a failed enforcement too. */
  readonly faulty: (error: unknown) => void;
  readonly nowMs: number;
}

/**
 * What tells of a closed window. The rule acts as it is now; one that no longer acts on such triggers leaves a failed
 * enforcement, so that nothing that was held back goes without a trace.
 */
export async function digestOf(window: ThrottleWindow, given: DigestWith): Promise<DigestOutcome> {
  const { id, key, held, first, newest, shared } = window;
  const since = timestamp(window.since);
  const until = timestamp(window.until);
  const record: Digest = { key, count: held, since, until, first, ...(shared && { shared }) };
  const instance = newest === null ? null : await given.store.instance(newest);
  const rule = given.rule(window.rule);
  const wasShadow = (JSON.parse(window.lane) as unknown[])[0] === "shadow";
  const query = `petrel rule-enforcement list --digest ${id}`;
  const fail = (why: string): DigestOutcome => ({
    enforcement: {
      id,
      trigger_instance: newest ?? "",
      rule: window.rule,
      enforced_at: timestamp(given.nowMs),
      status: "failed",
      failure_reason: `RULE_DIGEST: ${why} while ${held} triggers were held back; \`${query}\` lists them`,
      executions: [],
      shadow: wasShadow || rule?.mode === "shadow",
      digest: record,
    },
    executions: [],
    dispatches: [],
  });
  if (rule === null) return fail("the rule was deleted");
  if (!rule.enabled) return fail("the rule was disabled");
  if (instance === null) return fail("the trigger instance went");
  if (rule.trigger.type !== instance.trigger) return fail("the rule was given another trigger");
  const items: ThrottledItem[] = [];
  for (const each of first) {
    const found = each === instance.id ? instance : await given.store.instance(each);
    if (found !== null) items.push(itemOf(found));
  }
  const view: ThrottleView = { key, count: held, first: items, since, until, query };
  // It acts now: its own throttle has nothing to say any more.
  const { throttle: _, ...plain } = rule;
  const acting = wasShadow ? { ...plain, mode: "shadow" as const } : plain;
  try {
    return await given.enforce(acting, instance, { window, view, record });
  } catch (error) {
    // Tried again and again it would never be told, and what it holds back never be purged.
    given.faulty(error);
    return fail(`INTERNAL (${errorReport(error).message.slice(0, 1_500)})`);
  }
}

const itemOf = ({ id, occurrence_time, payload, origin }: TriggerInstance): ThrottledItem => ({
  id,
  occurrence_time,
  trigger: payload,
  origin,
});

export interface DigestWorkOptions {
  readonly store: Pick<Store, "closeThrottle" | "deliverDigest">;
  readonly digest: (window: ThrottleWindow) => Promise<DigestOutcome>;
  /** Resolves when changed rules are in force: a rule that is new is not to be taken for one that was deleted. */
  readonly settled: () => Promise<void>;
  readonly now: () => number;
}

/** Closes a window and delivers its digest; begun anew after a crash it finds what was closed, or that all is done. */
export function digestWork({
  store,
  digest,
  settled,
  now,
}: DigestWorkOptions): Readonly<Record<string, JobWork>> {
  return {
    [digestJob]: async ({ window: id }) => {
      if (typeof id !== "string") return;
      const window = await store.closeThrottle(id, now());
      if (window === null) return;
      await settled();
      await store.deliverDigest(id, await digest(window));
    },
  };
}
