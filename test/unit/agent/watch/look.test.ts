import { describe, expect, test } from "vitest";
import { isRacy, type Stat } from "../../../../agent/watch/look.ts";
import { ModelTree } from "../../../support/model-tree.ts";

const ms = 1_000_000n;
const at = 1_800_000_000_123;

function statAt(mtimeNs: bigint, ctimeNs: bigint): Stat {
  const stat = new ModelTree().stats.get("/r");
  if (stat === undefined) throw new Error("no root");
  return { ...stat, mtimeNs, ctimeNs };
}

describe("a look proves nothing", () => {
  const now = BigInt(at) * ms;
  const long = 1_000n * ms;
  test.each([
    { what: "in the tick of the change", mtime: now, ctime: now, racy: true },
    { what: "one tick after it", mtime: now - 10n * ms, ctime: now - 10n * ms, racy: true },
    { what: "later", mtime: now - 11n * ms, ctime: now - 11n * ms, racy: false },
    { what: "when only the attributes were changed just now", mtime: now - long, ctime: now, racy: true },
    { what: "when the time of writing was set to now", mtime: now, ctime: now - long, racy: true },
    { what: "never of a time that lies ahead", mtime: now + long, ctime: now + long, racy: false },
    {
      what: "within two seconds where times are whole seconds",
      mtime: 1_799_999_999_000n * ms,
      ctime: 1_799_999_999_000n * ms,
      racy: true,
    },
    {
      what: "but not after them",
      mtime: 1_799_999_998_000n * ms,
      ctime: 1_799_999_998_000n * ms,
      racy: false,
    },
  ])("$what: $racy", ({ mtime, ctime, racy }) => {
    expect(isRacy(statAt(mtime, ctime), at)).toBe(racy);
  });
});
