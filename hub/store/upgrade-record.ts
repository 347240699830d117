/** What an agent has said of an upgrade: one record for each agent. */
import type { UpgradeReport } from "../../shared/model/agent-rollout.ts";
import type { Draft } from "./draft.ts";
import { keys } from "./keys.ts";

/** In the place of what the agent has said before. */
export function putUpgradeReport(draft: Draft, report: UpgradeReport): void {
  draft.put(keys.upgradeReport(report.agent), report);
  draft.change({ type: "upgrade-report", report });
}
