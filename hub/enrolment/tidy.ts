/** What enrolment leaves behind: hosts that nobody has let in, tokens whose time is over. */
import { parseTimestamp } from "../../shared/clock.ts";
import type { Store } from "../store/store.ts";
import { turnedDown } from "./former.ts";

export interface EnrolmentTidied {
  readonly hosts: number;
  readonly tokens: number;
}

/** A host that asks once more is shown again; an ended token is listed for so long. */
const keptMs = 7 * 86_400_000;

/** `nowMs`: hub time. Strangers could take all the places of those who wait, were these kept for good. */
export async function tidyEnrolment(
  store: Pick<Store, "identities" | "dropIdentity" | "dropTokens" | "putIdentity">,
  nowMs: number,
): Promise<EnrolmentTidied> {
  const before = nowMs - keptMs;
  let hosts = 0;
  for (const known of await store.identities()) {
    const { agent, state, requested_at, rev } = known;
    if (state !== "pending" || (parseTimestamp(requested_at) ?? 0) >= before) continue;
    // Who is let in meanwhile is another revision, and stays.
    const left = turnedDown(known);
    if (
      left === null ? await store.dropIdentity(agent, rev) : (await store.putIdentity(left, rev)) === "done"
    )
      hosts++;
  }
  return { hosts, tokens: await store.dropTokens(before) };
}
