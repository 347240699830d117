/** Finds what does not work, or soon will not, in the hub itself: disk, store, broker, backup, clock. Pure. */
import { type Found, fault, note, ok, warning } from "../../shared/doctor/finding.ts";
import { fileSystemFound, roomFound, sizeText, syncFound } from "../../shared/doctor/host-checks.ts";
import { lastUpgradeFound } from "../../shared/doctor/last-upgrade.ts";
import type { Check } from "../../shared/doctor/run-checks.ts";
import { unitFound } from "../../shared/doctor/unit.ts";
import { hubProduct } from "../install/product.ts";
import type { HubFacts, HubHostFacts } from "./hub-facts.ts";

const dayMs = 86_400_000;
/** A copy that is older is missed when it is needed. */
const oldBackupMs = 7 * dayMs;
/** As in the hub's own warning. */
const skewMs = 30_000;
const slowBatchMs = 1_000;
const moreRoom = "make room, or cap the history with retention.max_mib";

/** Also while the hub does not run. */
export const hostState: readonly Check<HubHostFacts>[] = [
  ["unit", "hub", "", ({ unit }) => unitFound(unit, { install: "petrel install, or a unit of your own" })],
  ["last-upgrade", "hub", "", ({ lastUpgrade }) => lastUpgradeFound(lastUpgrade, hubProduct)],
  [
    "disk-room",
    "disk",
    "",
    ({ disk, data }) => (disk === null ? [note("it cannot be asked", data)] : roomFound(disk, moreRoom)),
  ],
  [
    "file-system",
    "disk",
    "",
    ({ disk, data }) => fileSystemFound(data, disk?.mount ?? null, { mayExec: false }),
  ],
  ["sync", "disk", "it was not tried", ({ sync, data }) => (sync === null ? [] : syncFound(data, sync))],
  [
    "store-size",
    "disk",
    "",
    ({ storeBytes, blobBytes, data }) => {
      if (storeBytes === null) return [note("there is no database yet", data)];
      return [
        ok(`the database has ${sizeText(storeBytes)}, large results ${sizeText(blobBytes ?? 0)}`, data),
      ];
    },
  ],
  [
    "backup",
    "disk",
    "",
    ({ lastBackup, hostNow, data }) => {
      const fix = "petrel backup DIR, on another disk; docs/guides/backup.md";
      if (lastBackup === null) return [note("no backup of this hub is known of", data, fix)];
      const { at, folder } = lastBackup;
      const days = Math.floor((hostNow - Date.parse(at)) / dayMs);
      if (days * dayMs < oldBackupMs) return [ok(`the last one was made at ${at}`, folder)];
      return [warning(`the last one is ${days} days old`, folder, fix)];
    },
  ],
];

export const hubState: readonly Check<HubFacts>[] = [
  [
    "store",
    "hub",
    "",
    ({ storeFailed, lastBatchMs, data }) => {
      if (storeFailed) {
        const fix = "see the checks of the disk; it is opened again by itself once it can be written";
        return [fault("the database cannot be written: nothing new is taken", data, fix)];
      }
      const took = `its last batch took ${lastBatchMs.toFixed(1)} ms`;
      if (lastBatchMs < slowBatchMs) return [ok(took, data)];
      return [warning(took, data, "give it a disk of its own, or look at what else writes: iostat -x 1")];
    },
  ],
  [
    "broker",
    "hub",
    "",
    ({ broker, brokerReached }) => {
      if (broker === null) return [ok("the embedded one", "broker")];
      if (brokerReached) return [ok(`the external one of ${broker.from} is reached`, "broker")];
      const fix = "see that it runs, and that it takes the hub's certificate: petrel hub broker-config";
      return [fault("the external broker does not answer: no agent is reached", broker.from, fix)];
    },
  ],
  [
    "credit",
    "hub",
    "",
    ({ creditEntries, pausedAgents }) => {
      const fix = "the disk or the rules do not keep up: petrel top, and the checks store and disk-room";
      if (creditEntries === 0)
        return [warning("agents may send nothing at the moment (credit 0)", "intake", fix)];
      if (pausedAgents > 0) return [warning(`${pausedAgents} agents are told to wait`, "intake", fix)];
      return [ok(`each agent may send ${creditEntries} entries`, "intake")];
    },
  ],
  [
    "pending-instances",
    "hub",
    "all that came was judged",
    ({ pendingInstances }) =>
      pendingInstances < 1_000
        ? []
        : [
            warning(
              `${pendingInstances} trigger instances wait to be judged`,
              "rules",
              "petrel top shows what comes; a rule without `equals` is judged for each",
            ),
          ],
  ],
  [
    "dead-letters",
    "hub",
    "there are none",
    ({ deadLetters }) =>
      deadLetters === 0
        ? []
        : [
            warning(
              "of what came from agents nothing could be made",
              deadLetters === 1 ? "1 dead letter" : `${deadLetters} dead letters`,
              "petrel dead-letter list says why; petrel dead-letter retry ID, or drop ID",
            ),
          ],
  ],
  [
    "clock",
    "hub",
    "it has not gone back",
    ({ hostNow, hubNow }): readonly Found[] =>
      hubNow - hostNow > skewMs
        ? [
            fault(
              `the host's clock is ${Math.round((hubNow - hostNow) / 1000)} s behind what the hub has seen before`,
              "clock",
              "let a time service set it: timedatectl set-ntp true",
            ),
          ]
        : [],
  ],
];
