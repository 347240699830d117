/** Requests and assignments on their way: whole when they are sent to their agent, encrypted where they wait. Pure. */
import { sealedBlobCapability } from "../../shared/blobs/sealed-blob.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { envelopeCapability } from "../../shared/wire/envelope.ts";
import type { AssignmentEntry, DownEntry } from "../../shared/wire/messages.ts";
import type { StoredAssignment, StoredEntry, StoredRequest } from "../store/port/ledgers.ts";
import { mask, type Taken } from "./mask.ts";
import { placeOf } from "./sealed-execution.ts";
import type { Sealer } from "./sealer.ts";
import { united } from "./united.ts";

/**
 * Any of these in a hello says that encrypted blobs are understood: both of the others came after them, when they had no
 * name of their own yet.
 */
const opensBlobs: readonly string[] = [sealedBlobCapability, envelopeCapability, "upgrade"];

/** Of a request whose parameters are in a blob: what is left of them in the entry, and the blob's key. */
interface BlobSecrets {
  readonly runner: Taken;
  readonly key: string;
}

const placeOfRequest = (execution: string) => `request/${execution}`;
const placeOfAssignment = (entry: string) => `assignment/${entry}`;

/** As an agent with these capabilities is to get it. Throws KEY_FILE, KEY_UNREADABLE, AGENT_TOO_OLD. */
export function openedEntry(entry: StoredEntry, sealer: Sealer, capabilities: readonly string[]): DownEntry {
  if (!("sealed" in entry) || entry.sealed === undefined) return entry;
  if (
    entry.kind === "action-request" &&
    entry.parameters_blob &&
    !capabilities.some((capability) => opensBlobs.includes(capability))
  )
    throw new PetrelError(
      "AGENT_TOO_OLD",
      "the agent's version cannot read secret parameters that are too large for a request; upgrade it",
    );
  return entry.kind === "action-request"
    ? openedRequest(entry, entry.sealed, sealer)
    : openedAssignment(entry, entry.sealed, sealer);
}

function openedRequest({ sealed: _, ...entry }: StoredRequest, sealed: string, sealer: Sealer): DownEntry {
  const { execution, runner_parameters, parameters } = entry;
  if (entry.parameters_blob === undefined) {
    const taken = JSON.parse(sealer.open(placeOf(execution, "parameters"), sealed)) as Taken;
    return { ...entry, ...apart(entry, united({ shown: { ...runner_parameters, ...parameters }, taken })) };
  }
  const secrets = JSON.parse(sealer.open(placeOfRequest(execution), sealed)) as BlobSecrets;
  return {
    ...entry,
    runner_parameters: united({ shown: runner_parameters, taken: secrets.runner }),
    parameters_key: secrets.key,
  };
}

type Apart = Pick<StoredRequest, "runner_parameters" | "parameters">;

function apart({ runner_parameters }: Apart, whole: JsonObject): Apart {
  const entries = Object.entries(whole);
  return {
    runner_parameters: Object.fromEntries(entries.filter(([name]) => Object.hasOwn(runner_parameters, name))),
    parameters: Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(runner_parameters, name))),
  };
}

/**
 * The parameters of a request as they go into its blob, and the request without them; it is to keep that blob's key. Those
 * of the runner that hold a secret anywhere are in there whole: a long command line would be kept twice over, as it is
 * seen and as it is.
 */
export function blobParameters(entry: StoredRequest, sealed: string, sealer: Sealer) {
  const taken = JSON.parse(sealer.open(placeOf(entry.execution, "parameters"), sealed)) as Taken;
  const whole = apart(entry, united({ shown: { ...entry.runner_parameters, ...entry.parameters }, taken }));
  const names = new Set(taken.map(([[name]]) => String(name)));
  const shown: [string, Json][] = [];
  const runner: [[string], Json][] = [];
  for (const [name, value] of Object.entries(whole.runner_parameters)) {
    shown.push([name, names.has(name) ? mask : value]);
    if (names.has(name)) runner.push([[name], value]);
  }
  const secrets = (key: string) => JSON.stringify({ runner, key } satisfies BlobSecrets);
  return {
    parameters: whole.parameters,
    keep: (key: string): Pick<StoredRequest, "runner_parameters" | "sealed"> => ({
      runner_parameters: Object.fromEntries(shown),
      sealed: sealer.seal(placeOfRequest(entry.execution), secrets(key)),
    }),
  };
}

/** An assignment as it is kept: all of its configuration encrypted, as keys of the datastore stand in it. Throws KEY_FILE. */
export function sealedAssignment(entry: AssignmentEntry, sealer: Sealer): StoredAssignment {
  const sealed = sealer.seal(placeOfAssignment(entry.id), JSON.stringify(entry.config));
  return { ...entry, config: {}, secret: true, sealed };
}

function openedAssignment(
  { sealed: _, ...entry }: StoredAssignment,
  sealed: string,
  sealer: Sealer,
): DownEntry {
  return { ...entry, config: JSON.parse(sealer.open(placeOfAssignment(entry.id), sealed)) as JsonObject };
}
