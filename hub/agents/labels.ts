/** An agent's labels: those it reports, overlaid by those an operator set. */
import type { AgentRecord } from "../../shared/model/agent.ts";

/** The labels that count. A `null` set by the operator hides a reported label. */
export function effectiveLabels(
  agent: Pick<AgentRecord, "reported_labels" | "set_labels">,
): Readonly<Record<string, string>> {
  const labels = new Map(Object.entries(agent.reported_labels ?? {}));
  for (const [key, value] of Object.entries(agent.set_labels ?? {})) {
    if (value === null) labels.delete(key);
    else labels.set(key, value);
  }
  return Object.fromEntries(labels);
}
