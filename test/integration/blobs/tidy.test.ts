import { expect, test } from "vitest";
import { BlobStore } from "../../../shared/blobs/blob-fs.ts";
import { tidyBlobs } from "../../../shared/blobs/tidy.ts";
import { silentLogger } from "../../../shared/log.ts";
import { tempFolder } from "../../support/temp-folder.ts";

test("a look removes what nothing names from the disk, and leaves what a record names", async () => {
  const store = await BlobStore.open({ folder: await tempFolder("blobs") });
  const kept = await store.put(Buffer.from("kept"));
  const loose = await store.put(Buffer.from("loose"));
  const inAnHour = Date.now() + 3_600_001;
  await tidyBlobs({
    store,
    named: async () => new Set([kept.digest]),
    limits: { youngMs: 3_600_000, maxAgeMs: 3_600_000, maxBytes: 0 },
    now: () => inAnHour,
    log: silentLogger,
  });
  expect(await store.has(kept.digest)).toBe(true);
  expect(await store.has(loose.digest)).toBe(false);
  expect((await store.list()).map(({ digest }) => digest)).toEqual([kept.digest]);
});

test("what is stored again while it is looked at stays", async () => {
  const store = await BlobStore.open({ folder: await tempFolder("blobs") });
  const { digest } = await store.put(Buffer.from("again"));
  await tidyBlobs({
    store,
    named: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await store.put(Buffer.from("again"));
      return new Set();
    },
    limits: { youngMs: 3_600_000, maxAgeMs: 3_600_000, maxBytes: 0 },
    now: () => Date.now() + 3_600_001,
    log: silentLogger,
  });
  expect(await store.has(digest)).toBe(true);
});
