/** A receiver's marks on a real database. */
import { expect, onTestFinished, test } from "vitest";
import { MarksStore } from "../../../shared/link/marks-store.ts";
import { openDatabase } from "../../../shared/storage/database-store.ts";
import { newId } from "../../support/link-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";

async function openMarks() {
  const { level, committer, close } = await openDatabase({ folder: await tempFolder(), format: 1, newId });
  onTestFinished(close);
  const time = { at: 1_000 };
  const marks = new MarksStore({ db: level, prefix: "down", now: () => time.at });
  const commit = (ops: Parameters<typeof committer.commit>[0]["ops"]) =>
    committer.commit({ ops, bytes: 1, source: "test" });
  return { level, marks, commit, time };
}

test("a mark is what was last written with an effect; an epoch never heard of stands at 0", async () => {
  const { marks, commit } = await openMarks();
  await commit([marks.put("a", 3), { type: "put", key: "effect", value: "" }]);
  await commit([marks.put("a", 5)]);
  expect(await marks.read(["a", "b"])).toEqual(
    new Map([
      ["a", 5],
      ["b", 0],
    ]),
  );
});

test("marks that have not moved for long go, but those of epochs the peer still names stay", async () => {
  const { level, marks, commit, time } = await openMarks();
  await commit([
    marks.put("old", 1),
    marks.put("named", 1),
    { type: "put", key: 'down"', value: "another's" },
  ]);
  time.at = 5_000;
  await commit([marks.put("young", 1)]);
  await commit(await marks.prune(["named"], 2_000));
  expect(await marks.read(["old", "named", "young"])).toEqual(
    new Map([
      ["old", 0],
      ["named", 1],
      ["young", 1],
    ]),
  );
  expect(await level.get('down"')).toBe("another's");
});
