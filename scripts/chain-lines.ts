/** What `npm start` prints of each change of the store: one line for each step of a chain. */
import type { Change } from "../hub/store/port/changes.ts";
import { isObject, type JsonObject } from "../shared/json.ts";
import { plain } from "../shared/plain-text.ts";

/** What went wrong, in one line: the hub's or the agent's reason; where that is only a code, also what the action said. */
function whyNot({ status, reason, result }: (Change & { type: "execution" })["execution"]): string | null {
  const isTelling = reason !== null && !/^(exit code -?\d+|failed)$/.test(reason);
  if (isTelling || status === "succeeded" || !isObject(result)) return reason;
  const said = [result.error, result.stderr].find((text) => typeof text === "string" && text.trim() !== "");
  if (typeof said !== "string") return reason;
  const [line = ""] = said.trim().split("\n", 1);
  return reason === null ? line : `${reason}: ${line}`;
}

/** Who made a change, where the sensor says so. */
function who({ actor }: JsonObject): string {
  if (!isObject(actor)) return "";
  const { exe, user, uid, unknown } = actor;
  if (typeof unknown === "string") return `, by whom is unknown: ${unknown}`;
  return `, by ${String(exe)} of ${String(user ?? uid)}`;
}

function whatOf(payload: JsonObject): string {
  const { status, path } = payload;
  const words = [status, path].filter((word) => typeof word === "string");
  return `${words.join(" ")}${who(payload)}`;
}

/** Lines for the next changes, in their order. A status is told once, however often its record is written. */
export function chainLines(): (change: Change) => readonly string[] {
  const told = new Map<string, string>();
  const lines = (change: Change): readonly string[] => {
    switch (change.type) {
      case "instance": {
        const { id, trigger, payload, received_at, origin, status } = change.instance;
        // What the hub keeps to find an old baseline put back is nothing that happened.
        if (status === "pending" || trigger === "watch.baseline_anchor") return [];
        const what = isObject(payload) ? whatOf(payload) : "";
        return [
          `${received_at.slice(11, 19)}  change     ${what}`,
          `          trigger    ${trigger} from agent ${origin.agent}  (${id})`,
        ];
      }
      case "enforcement": {
        const { rule, status, failure_reason } = change.enforcement;
        return [
          `          rule       ${rule} ${status === "succeeded" ? "matched" : `failed: ${failure_reason}`}`,
        ];
      }
      case "execution": {
        const { id, action, agent, status, end_timestamp } = change.execution;
        if (told.get(id) === status) return [];
        told.set(id, status);
        if (status === "scheduled") return [`          execution  ${action} on agent ${agent}  (${id})`];
        if (end_timestamp === null) return [];
        told.delete(id);
        const why = whyNot(change.execution);
        return [`          result     ${status}${why === null ? "" : `: ${why}`}  (${id})`];
      }
      default:
        return [];
    }
  };
  // A file's name may hold anything, also what would act in a terminal.
  return (change) => lines(change).map(plain);
}
