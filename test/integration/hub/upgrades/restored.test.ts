/** A hub that is restored from a backup does not go on upgrading agents by itself. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeBackup } from "../../../../hub/backup/backup-fs.ts";
import { restoreBackup } from "../../../../hub/backup/restore-store.ts";
import { countsOf, waitingAgent } from "../../../../hub/upgrades/rollout.ts";
import { BlobStore } from "../../../../shared/blobs/blob-fs.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import type { AgentRollout } from "../../../../shared/model/agent-rollout.ts";
import { systemClock, systemRandom } from "../../../../shared/system-process.ts";
import { failingStore } from "../../../support/failing-store.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const at = "2026-11-22T12:00:00.000Z";
const rollout: AgentRollout = {
  id: "r1",
  version: "2.0.0",
  releases: [],
  labels: null,
  batch: 1,
  max_failures: 1,
  allow_downgrade: false,
  skip_offline: false,
  within: 900,
  settle: 30,
  offline_until: at,
  state: "running",
  reason: null,
  user: "ann",
  started_at: at,
  ended_at: null,
  batches: 0,
  forgiven: 0,
  counts: countsOf([waitingAgent("web-1")]),
  rev: 1,
};

it("a rollout that was under way waits for a person, one that had ended stays as it was", async () => {
  const data = await tempFolder("data");
  const { store } = await failingStore(join(data, "store"));
  const done: AgentRollout = { ...rollout, id: "r0", state: "done", ended_at: at };
  for (const each of [done, rollout])
    await store.changeRollout({
      rollout: each,
      expectRev: null,
      agents: [waitingAgent("web-1")],
      dispatches: [],
    });
  const blobs = await BlobStore.open({ folder: join(data, "blobs") });
  const backup = join(await tempFolder("backup"), "one");
  const source = { copy: store.copy, blobs, format: 1, version: "0", hub: "h", data, now: Date.now };
  await writeBackup(source, backup, { blobs() {}, records() {}, copiedBlobs() {} });
  const fresh = join(await tempFolder("restored"), "data");
  const newId = ulidSource(systemClock, systemRandom);
  await restoreBackup({ backup, data: fresh, force: false, now: Date.now, newId });
  const { store: restored } = await failingStore(join(fresh, "store"));
  expect(await restored.rollouts()).toMatchObject([
    done,
    { id: "r1", state: "paused", reason: expect.stringContaining("restored"), rev: 2 },
  ]);
});
