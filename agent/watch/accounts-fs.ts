/** Names of users and groups, from the files that local accounts are in (passwd(5), group(5)). */
import { readFileSync, statSync } from "node:fs";
import type { AccountNames } from "./change.ts";

/** ms between two looks at whether a file has changed. */
const everyMs = 5_000;

export function localAccounts(monotonic: () => number): AccountNames {
  const users = namesOf("/etc/passwd", monotonic);
  const groups = namesOf("/etc/group", monotonic);
  return { user: (uid) => users().get(uid) ?? null, group: (gid) => groups().get(gid) ?? null };
}

function namesOf(file: string, monotonic: () => number): () => ReadonlyMap<number, string> {
  let names: ReadonlyMap<number, string> = new Map();
  let mark = "";
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = monotonic();
    if (now - lookedAt < everyMs) return names;
    lookedAt = now;
    try {
      const { mtimeMs, size, ino } = statSync(file);
      const fresh = `${mtimeMs} ${size} ${ino}`;
      if (fresh !== mark) {
        names = parse(readFileSync(file, "utf8"));
        mark = fresh;
      }
    } catch {
      // A host without local accounts: numbers have to do.
      names = new Map();
    }
    return names;
  };
}

function parse(text: string): ReadonlyMap<number, string> {
  const rows = text.split("\n").map((line) => line.split(":"));
  return new Map(
    rows.flatMap(([name = "", , id = ""]) => (/^\d+$/.test(id) ? [[Number(id), name] as const] : [])),
  );
}
