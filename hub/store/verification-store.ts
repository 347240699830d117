/** Verifications of watched files: what was asked of whom, and the last that each agent said, apart from each other. */
import type { AgentVerification, VerificationHead } from "../../shared/model/file-verification.ts";
import { keys, within } from "./keys.ts";
import type { VerificationStore } from "./port/files.ts";
import type { RecordWriter, Rows } from "./records.ts";

/** More are removed, the oldest first. */
const mostKept = 100;

export function createVerificationStore({
  database: { level },
  writer,
}: {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
}): VerificationStore {
  return {
    async verification(id) {
      const head = await writer.read<VerificationHead>(keys.verification(id));
      if (head === null) return null;
      const texts = await level.values(within(keys.verified(id))).all();
      return { head, heard: texts.map((text) => JSON.parse(text) as AgentVerification) };
    },

    putVerification: (head) =>
      writer.submit({
        source: "",
        reads: [],
        plan: (draft) => draft.put(keys.verification(head.id), head),
      }),

    noteVerified: (id, heard) =>
      writer.submit({
        source: "",
        weight: heard.length,
        reads: [],
        plan: (draft) => {
          for (const one of heard) draft.put(keys.verifiedBy(id, one.agent), one);
        },
      }),
  };
}

/** Keys of verifications that began before `before` (ms), or that are too many: the oldest one's, at most `most`. */
export async function oldVerificationKeys(
  level: Rows,
  before: number,
  most: number,
): Promise<readonly string[]> {
  const heads = (await level.values(within("u/")).all()).map((text) => JSON.parse(text) as VerificationHead);
  const oldest = heads.find(
    ({ started_at }, at) => heads.length - at > mostKept || Date.parse(started_at) < before,
  );
  if (oldest === undefined) return [];
  const rows = await level.keys({ ...within(keys.verified(oldest.id)), limit: most }).all();
  // The head goes with the last of its rows.
  return rows.length === most ? rows : [...rows, keys.verification(oldest.id)];
}
