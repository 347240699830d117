/** The checks of `petrel-agent doctor`: what each looks at, and who judges what it sees. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorFound, type Finding, type Found, note, ok, warning } from "../../shared/doctor/finding.ts";
import {
  fileSystemFound,
  roomFound,
  secretFilesFound,
  settingsFileFound,
  sizeText,
  syncFound,
} from "../../shared/doctor/host-checks.ts";
import { diskFacts, fileFacts, filesFacts, folderBytes, syncTime } from "../../shared/doctor/host-fs.ts";
import { lastUpgradeFound } from "../../shared/doctor/last-upgrade.ts";
import { lastUpgrade } from "../../shared/doctor/last-upgrade-fs.ts";
import { type Check, runChecks } from "../../shared/doctor/run-checks.ts";
import { storeFound } from "../../shared/doctor/store-fs.ts";
import { hidingSettings, unitFound } from "../../shared/doctor/unit.ts";
import { unitFacts } from "../../shared/doctor/unit-fs.ts";
import { silentLogger } from "../../shared/log.ts";
import { runners } from "../../shared/packs/runners.ts";
import type { Timers } from "../../shared/timers.ts";
import type { AgentIdentity } from "../identity/identity.ts";
import { folderOf as identityFolder, openIdentity } from "../identity/identity-fs.ts";
import { agentProduct } from "../install/product.ts";
import { readPolicy, usualPolicy } from "../policy/policy-file-fs.ts";
import { agentStoreFormat } from "../store/format.ts";
import { asidePrefix } from "../store/set-aside-fs.ts";
import { type AgentCase, runningOf } from "./agent-case.ts";
import { isDatabaseOpenElsewhere } from "./database-fs.ts";
import { certificateFound, enrolledFound } from "./judge-identity.ts";
import {
  clockFound,
  hubVersionFound,
  isRunning,
  lifeFound,
  linkFound,
  outboxFound,
  type RunningCase,
  recentFound,
  sensorsFound,
  watchingFound,
} from "./judge-running.ts";
import { fanotifyFound, inotifyFound, openFilesFound } from "./kernel.ts";
import { askFanotify, inotifyFacts, openFiles } from "./kernel-fs.ts";
import { pythonFound } from "./programs.ts";
import { pythonFacts } from "./programs-process.ts";
import { reachFound } from "./reach.ts";
import { reach } from "./reach-mqtt.ts";

export const agentUnit = "petrel-agent.service";
/** For each step to the hub; some take two. */
const stepMs = 4_000;

/** Milliseconds that one check may take. */
const withinMs = 20_000;
const moreRoom = "make room on it, or keep the data elsewhere: `data` of agent.yaml";
const install = "petrel-agent install, or a unit of your own";

const hostChecks: readonly Check<AgentCase>[] = [
  ["agent", "agent", "", lifeFound],
  [
    "unit",
    "agent",
    "",
    async () => unitFound(await unitFacts(agentUnit), { harmful: hidingSettings, install }),
  ],
  ["last-upgrade", "agent", "", ({ root }) => upgradeFound(root)],
  ["settings", "settings", "", settingsFound],
  ["policy", "settings", "", policyFound],
  ["enrolled", "identity", "", enrolledFound],
  ["identity-files", "identity", "only their owner may read them", identityFilesFound],
  ["certificate", "identity", "", ownCertificateFound],
  ["hub-reach", "hub", "", hubFound],
  [
    "clock",
    "hub",
    "",
    async (of) => clockFound(of, (await identityOf(of).catch(() => null))?.certificate().issuedAt ?? null),
  ],
  ["disk-room", "disk", "", async ({ data }) => roomFound(await diskFacts(data), moreRoom)],
  [
    "file-system",
    "disk",
    "",
    async ({ data }) => fileSystemFound(data, (await diskFacts(data)).mount, { mayExec: true }),
  ],
  ["sync", "disk", "", syncedFound],
  ["data-folder", "disk", "", dataFolderFound],
  ["store", "disk", "", databaseFound],
  ["damaged-stores", "disk", "no database was set aside", asideFound],
  ["fanotify", "kernel", "", ({ uid }) => fanotifyFound(askFanotify(), uid === 0)],
  ["inotify", "kernel", "", async ({ owner }) => inotifyFound(await inotifyFacts(owner))],
  ["open-files", "kernel", "", filesLimitFound],
  ["python", "packs", "", async ({ data, env }) => pythonFound(await pythonFacts(data, env))],
];

/** What only an agent that answers can say. `quoted`: also what its sensors have printed. */
const runningChecks = (quoted: boolean): readonly Check<RunningCase>[] => [
  ["link", "hub", "", linkFound],
  ["outbox", "hub", "", outboxFound],
  ["hub-version", "hub", "", hubVersionFound],
  ["recent-errors", "agent", "", recentFound],
  ["sensors", "packs", "", (of) => sensorsFound(of, quoted)],
  ["watching", "packs", "", watchingFound],
];

/** Names of all checks, in their order. */
export const agentCheckNames: readonly string[] = [...hostChecks, ...runningChecks(false)].map(
  ([name]) => name,
);

export interface AgentDoctorOptions {
  /** Findings may say what sensors have printed; not for strangers. */
  readonly quoted: boolean;
  /** Names of checks; all of them when not given. */
  readonly only?: readonly string[] | undefined;
  readonly timers: Timers;
}

/** Never rejects. */
export async function agentFindings(
  of: AgentCase,
  { quoted, only, timers }: AgentDoctorOptions,
): Promise<readonly Finding[]> {
  const options = { timers, withinMs };
  const isWanted = ([name]: readonly [string, ...unknown[]]) => only === undefined || only.includes(name);
  const [host, running] = await Promise.all([
    runChecks(hostChecks.filter(isWanted), of, options),
    isRunning(of) ? runChecks(runningChecks(quoted).filter(isWanted), of, options) : [],
  ]);
  return [...host, ...running];
}

const upgradeFound = async (root: string): Promise<readonly Found[]> =>
  lastUpgradeFound(await lastUpgrade(agentProduct, root), agentProduct);

async function settingsFound({ config, configFile, owner }: AgentCase): Promise<readonly Found[]> {
  if (config instanceof Error) return [errorFound(config, configFile ?? "settings", "mend the file")];
  const file = configFile === null ? null : await fileFacts(configFile);
  const found = file === null ? [] : settingsFileFound(file, owner);
  return found.length > 0 ? found : [ok("they are valid", configFile ?? "no file, so the defaults")];
}

async function policyFound({ config }: AgentCase): Promise<readonly Found[]> {
  if (config instanceof Error) return [note("not known while the settings cannot be read", "policy")];
  const named = config.values.policy;
  try {
    const policy = await readPolicy(named, [...runners.keys()]);
    if (policy === null) {
      return [
        note(
          "this host has none: it allows whatever its hub asks for",
          usualPolicy,
          "docs/guides/host-policy.md",
        ),
      ];
    }
    return [ok(`it is valid and only root can change it (${policy.digest.slice(0, 19)})`, policy.path)];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [errorFound(error, named ?? usualPolicy, "mend the file; docs/guides/host-policy.md")];
  }
}

/** `null` without one that can be opened. */
async function identityOf({ data, fleet }: AgentCase): Promise<AgentIdentity | null> {
  if (fleet === null || fleet instanceof Error) return null;
  return openIdentity(data, silentLogger);
}

async function identityFilesFound({ data, owner }: AgentCase): Promise<readonly Found[]> {
  const folder = identityFolder(data);
  return secretFilesFound(await filesFacts([folder], [folder]), owner);
}

async function ownCertificateFound(of: AgentCase): Promise<readonly Found[]> {
  const where = join(identityFolder(of.data), "agent.crt");
  if (of.fleet instanceof Error) throw of.fleet;
  let identity: AgentIdentity | null;
  try {
    identity = await identityOf(of);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [errorFound(error, where, "enrol again: petrel-agent enroll --help")];
  }
  if (identity === null) return [note("there is none", where)];
  return certificateFound(identity.next() ?? identity.certificate(), { now: of.now, where });
}

async function hubFound(of: AgentCase): Promise<readonly Found[]> {
  const { hub, agent } = of;
  if (hub === null && of.fleet instanceof Error) throw of.fleet;
  if (hub === null) return [note("nothing says where it is", "hub", "petrel-agent enroll --help")];
  const identity = await identityOf(of).catch(() => null);
  const busy = "the agent runs, and another login in its name would end its connection";
  // It may have been started since it was asked; this process may have its database open, in the check beside this one.
  const isAway = agent === "stopped" && !isDatabaseOpenElsewhere(of.data);
  const noLogin = identity === null ? "this agent has no identity that can be opened" : isAway ? null : busy;
  return reachFound(await reach({ hub, identity, noLogin, withinMs: stepMs }));
}

async function syncedFound({ data }: AgentCase): Promise<readonly Found[]> {
  if ((await fileFacts(data)) === null) return [note("the folder is not there yet", data)];
  const time = await syncTime(data);
  if (time instanceof Error && "code" in time && time.code === "EACCES") throw time;
  return syncFound(data, time);
}

async function dataFolderFound({ data }: AgentCase): Promise<readonly Found[]> {
  if ((await fileFacts(data)) === null) {
    return [
      note("it is not there yet: enrolling makes it", data, "petrel-agent enroll --help, or --data DIR"),
    ];
  }
  const sizes = await Promise.all(
    ["store", "blobs", "packs", "virtualenvs", "work"].map(
      async (name) => [name, await folderBytes(join(data, name))] as const,
    ),
  );
  const shown = sizes.flatMap(([name, bytes]) => (bytes === null ? [] : [`${name} ${sizeText(bytes)}`]));
  return [ok(shown.join(", ") || "it is empty", data)];
}

async function databaseFound({ data, uid, agent }: AgentCase): Promise<readonly Found[]> {
  const folder = join(data, "store");
  if (agent === "stopped" && !isDatabaseOpenElsewhere(data))
    return storeFound({ folder, format: agentStoreFormat, migrates: true, uid });
  if (typeof agent === "string") return [note("not opened: the agent may have it open", folder)];
  return [
    ok(
      `the agent has it open; its last batch took ${agent.status.store.last_batch_ms.toFixed(1)} ms`,
      folder,
    ),
  ];
}

async function asideFound({ data }: AgentCase): Promise<readonly Found[]> {
  const names = await readdir(data).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const aside = names.filter((name) => name.startsWith(asidePrefix)).sort();
  if (aside.length === 0) return [];
  return [
    warning(
      `its database was damaged ${aside.length === 1 ? "once" : `${aside.length} times`}, and it began with an empty one`,
      join(data, aside.at(-1) ?? ""),
      "see `dmesg` and smartctl for a failing disk; then remove the folder",
    ),
  ];
}

async function filesLimitFound(of: AgentCase): Promise<readonly Found[]> {
  const facts = await openFiles(runningOf(of)?.status.pid ?? null);
  return facts === null ? [note("the limit cannot be read", "/proc")] : openFilesFound(facts);
}
