/** Backups asked for: one at a time, each with a record of how it goes. */
import { expect, test } from "vitest";
import { BackupDesk, type Progress } from "../../../../hub/backup/backup-desk.ts";
import { type BackupManifest, parseManifest } from "../../../../hub/backup/manifest.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { noon } from "../../../support/records.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const manifest: BackupManifest = {
  kind: "petrel-backup",
  format: 1,
  version: "0.1.0",
  hub: "hub-1",
  made_at: "2026-11-22T12:00:00.000Z",
  records: 7,
  blobs: 1,
  blobs_missing: [],
};

/** A desk whose backups go on when the test says so. */
function desk() {
  const writes: { folder: string; progress: Progress; end: (error?: Error) => void }[] = [];
  let ids = 0;
  const backups = new BackupDesk({
    refuse: async (folder) => {
      if (folder === "/full") throw new PetrelError("FOLDER_NOT_EMPTY", "it is not empty");
    },
    write: (folder, progress) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error === undefined ? resolve(manifest) : reject(error));
        writes.push({ folder, progress, end });
      }),
    now: () => noon,
    newId: () => `b${++ids}`,
    log: silentLogger,
  });
  return { backups, writes };
}

test("a backup is followed from its begin to its manifest, and holds the blobs it has yet to copy", async () => {
  const { backups, writes } = desk();
  const { id } = await backups.start("/to/here");
  writes[0]?.progress.blobs(new Set(["sha256:1"]));
  writes[0]?.progress.records(5);
  expect(backups.get(id)).toMatchObject({ state: "running", folder: "/to/here", records: 5 });
  expect([...backups.pinned]).toEqual(["sha256:1"]);
  writes[0]?.end();
  await waitUntil("it is done", () => backups.get(id)?.state === "done");
  expect(backups.get(id)).toMatchObject({ manifest, error: null });
  expect([...backups.pinned]).toEqual([]);
});

test("a second one is refused while the first runs, and may follow one that has failed", async () => {
  const { backups, writes } = desk();
  const { id } = await backups.start("/one");
  await expect(backups.start("/two")).rejects.toMatchObject({ code: "BACKUP_RUNNING" });
  writes[0]?.end(new PetrelError("FOLDER_UNUSABLE", "the disk is full"));
  await waitUntil("it has failed", () => backups.get(id)?.state === "failed");
  expect(backups.get(id)).toMatchObject({ error: { code: "FOLDER_UNUSABLE" }, manifest: null });
  await expect(backups.start("/full")).rejects.toMatchObject({ code: "FOLDER_NOT_EMPTY" });
  expect(await backups.start("/two")).toMatchObject({ state: "running" });
});

test("a hub that stops ends the one under way at its next step", async () => {
  const { backups, writes } = desk();
  const { id } = await backups.start("/one");
  const closed = backups.close();
  expect(() => writes[0]?.progress.records(1)).toThrow("the hub stops");
  writes[0]?.end(new Error("as thrown"));
  await closed;
  expect(backups.get(id)?.state).toBe("failed");
});

test("a manifest is read strictly, and one of a newer format names the version to use", () => {
  const text = (over: object) => JSON.stringify({ ...manifest, ...over });
  expect(parseManifest(text({}), "m", 1)).toEqual(manifest);
  for (const wrong of ["{", text({ kind: "other" }), text({ records: -1 }), text({ hub: undefined })]) {
    expect(() => parseManifest(wrong, "m", 1)).toThrow(expect.objectContaining({ code: "BACKUP_INVALID" }));
  }
  expect(() => parseManifest(text({ format: 2, version: "9.9.9" }), "m", 1)).toThrow(
    expect.objectContaining({ code: "STORE_FORMAT", hint: expect.stringContaining("9.9.9") }),
  );
});
