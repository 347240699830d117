/** Store changes as server-sent events (HTML Living Standard, 9.2). */

import type { Catalogue } from "../packs/catalogue.ts";
import type { Change } from "../store/port/changes.ts";
import { executionView, packView } from "./views.ts";

/** What a stream tells about; `down` and `reopened` are the hub's own business, keys may be secrets. */
export const streamTypes = [
  "instance",
  "enforcement",
  "execution",
  "agent",
  "sensor",
  "rules",
  "pack",
] as const;

function payloadOf(change: Change, catalogue: Catalogue): unknown {
  switch (change.type) {
    case "instance":
      return change.instance;
    case "enforcement":
      return change.enforcement;
    case "execution":
      return executionView(catalogue, change.execution);
    case "agent":
      return change.agent;
    case "sensor":
      return change.sensor;
    case "rules":
      return { version: change.version };
    case "pack":
      return { ref: change.ref, pack: change.pack === null ? null : packView(change.pack) };
    case "key":
    case "gate":
    case "down":
    case "window":
    case "api-key":
    case "identity":
    case "identity-gone":
    case "rollout":
    case "upgrade-report":
    case "reopened":
      return undefined;
  }
}

/** One frame, or `null` for what is not shown. JSON has no raw line ends, so one `data:` line is enough. */
export function changeFrame(change: Change, catalogue: Catalogue): string | null {
  const payload = payloadOf(change, catalogue);
  return payload === undefined ? null : `event: ${change.type}\ndata: ${JSON.stringify(payload)}\n\n`;
}
