/** Windows of throttled rules: which triggers act at once, which are held back for a digest. One record for each window. */
import { timestamp } from "../../shared/clock.ts";
import { derivedId } from "../../shared/ids.ts";
import { afterDigest, intoWindow } from "../../shared/rules/throttle-window.ts";
import { digestJob } from "../policies/job-kinds.ts";
import type { Draft } from "./draft.ts";
import { putJob } from "./job-record.ts";
import { keys } from "./keys.ts";
import type { Outcome } from "./port/intake.ts";
import type { ThrottleAsk, ThrottleWindow } from "./port/throttles.ts";

/** Keys that a rule may have windows for at once; those beyond share one for each lane. */
export const mostKeys = 1_000;

/** The window that is open for a rule, a lane and a key. */
const openKey = ({ rule, lane, key, shared }: Pick<ThrottleWindow, "rule" | "lane" | "key" | "shared">) =>
  keys.openWindow(rule, JSON.stringify(shared ? [lane] : [lane, key]));

const countOf = (draft: Draft, rule: string) => draft.get<number>(keys.openWindows(rule)) ?? 0;

function addCount(draft: Draft, rule: string, change: 1 | -1): void {
  const count = countOf(draft, rule) + change;
  if (count > 0) draft.put(keys.openWindows(rule), count);
  else draft.remove(keys.openWindows(rule));
}

export const throttleReads = ({ throttles = [] }: Outcome): string[] =>
  throttles.flatMap((ask) => [openKey({ ...ask, shared: false }), keys.openWindows(ask.rule)]);

/** The outcome with what is held back taken out of it: an enforcement that is `throttled` runs nothing. */
export function throttled(draft: Draft, outcome: Outcome): Outcome {
  let left = outcome;
  for (const ask of outcome.throttles ?? []) left = decide(draft, left, ask);
  return left;
}

function decide(draft: Draft, outcome: Outcome, ask: ThrottleAsk): Outcome {
  const { atMs } = ask;
  const known = openFor(draft, ask);
  const next = intoWindow(known, atMs, ask);
  const window: ThrottleWindow =
    known !== null && !next.isNew
      ? { ...known, ...next.window, ...paceOf(ask) }
      : openWindow(draft, ask, next.window, known);
  if (next.passes) {
    draft.put(keys.throttleWindow(window.id), window);
    return outcome;
  }
  const instance = outcome.instance.id;
  const first = window.first.length < window.collect ? [...window.first, instance] : window.first;
  draft.put(keys.throttleWindow(window.id), { ...window, first, newest: instance } satisfies ThrottleWindow);
  const gone = new Set(outcome.enforcements.find(({ id }) => id === ask.enforcement)?.executions ?? []);
  return {
    ...outcome,
    enforcements: outcome.enforcements.map((enforcement) =>
      enforcement.id === ask.enforcement
        ? {
            ...enforcement,
            status: "throttled",
            executions: [],
            throttle: {
              key: ask.key,
              digest: window.id,
              due: timestamp(window.until),
              ...(window.shared && { shared: true }),
            },
          }
        : enforcement,
    ),
    executions: outcome.executions.filter(({ id }) => !gone.has(id)),
    dispatches: outcome.dispatches.filter(
      ({ entry }) => !("execution" in entry && gone.has(entry.execution)),
    ),
  };
}

/** Its own window, or the one it shares because the rule has too many keys; `null`: neither is open. */
function openFor(draft: Draft, ask: ThrottleAsk): ThrottleWindow | null {
  const own = openOne(draft, { ...ask, shared: false });
  if (own !== null || countOf(draft, ask.rule) < mostKeys) return own;
  return openOne(draft, { ...ask, shared: true });
}

function openOne(
  draft: Draft,
  of: Pick<ThrottleWindow, "rule" | "lane" | "key" | "shared">,
): ThrottleWindow | null {
  const id = draft.get<string>(openKey(of));
  return id === null ? null : draft.get<ThrottleWindow>(keys.throttleWindow(id));
}

const paceOf = ({ everyMs, max, collect }: ThrottleAsk | ThrottleWindow) => ({ everyMs, max, collect });

/** In the place of `before`, whose time is over and which has held nothing back. */
function openWindow(
  draft: Draft,
  ask: ThrottleAsk,
  counted: Pick<ThrottleWindow, "since" | "until" | "passed" | "held">,
  before: ThrottleWindow | null,
): ThrottleWindow {
  if (before !== null) endWindow(draft, before);
  const shared = countOf(draft, ask.rule) >= mostKeys;
  const { rule, lane, key } = ask;
  return startWindow(draft, { rule, lane, key: shared ? "" : key, shared, ...paceOf(ask), ...counted });
}

function startWindow(
  draft: Draft,
  given: Omit<ThrottleWindow, "id" | "first" | "newest" | "isClosed">,
): ThrottleWindow {
  const { rule, lane, key, shared, since, until } = given;
  // Windows of one key never begin at the same time, unless one was over when it began: `every` is a second at least.
  const id = derivedId(until, "digest", rule, lane, shared ? "shared" : `key ${key}`, since);
  const window: ThrottleWindow = { ...given, id, first: [], newest: null, isClosed: false };
  draft.put(keys.throttleWindow(id), window);
  draft.put(openKey(window), id);
  if (!shared) addCount(draft, rule, 1);
  putJob(draft, { id: `${digestJob}/${id}`, kind: digestJob, dueAt: until, data: { window: id } });
  return window;
}

/** No longer the one that new triggers come to. */
function leaveOpen(draft: Draft, window: ThrottleWindow): void {
  draft.remove(openKey(window));
  if (!window.shared) addCount(draft, window.rule, -1);
}

function endWindow(draft: Draft, window: ThrottleWindow): void {
  leaveOpen(draft, window);
  draft.remove(keys.throttleWindow(window.id));
}

/**
 * Ends the window at its time: one that has held nothing back is gone; another one is closed, and the next is open in
 * its place. The closed one, also when it was closed before; `null` when there is nothing to tell.
 */
export function closeWindow(draft: Draft, id: string, nowMs: number): ThrottleWindow | null {
  const window = draft.get<ThrottleWindow>(keys.throttleWindow(id));
  if (window === null || window.isClosed) return window;
  if (window.held === 0) {
    endWindow(draft, window);
    return null;
  }
  const closedAt = Math.max(nowMs, window.until);
  const closed: ThrottleWindow = { ...window, until: closedAt, isClosed: true };
  leaveOpen(draft, window);
  const { rule, lane, key, shared } = window;
  startWindow(draft, { rule, lane, key, shared, ...paceOf(window), ...afterDigest(closedAt, window) });
  draft.put(keys.throttleWindow(id), closed);
  return closed;
}
