/** Whether an agent does what a request to upgrade asks of it: decided before a byte is fetched. Pure. */
import type { KeyObject } from "node:crypto";
import { PetrelError } from "../../shared/errors.ts";
import { compareVersions, isVersion } from "../../shared/install/release.ts";
import { compressedBytes, isManifestSigned, type SignedManifest } from "../../shared/upgrade/manifest.ts";
import type { UpgradeEntry } from "../../shared/wire/messages.ts";

export interface UpgradeFacts {
  readonly version: string;
  /** As `process.arch` says it. */
  readonly arch: string;
  /** By the hub's clock. */
  readonly hubNowMs: number;
  /** HOST_REFUSED; `null`: the host's policy lets it be. */
  readonly policy: PetrelError | null;
  /** Why it cannot be done here at all; `null`: it can. */
  readonly unable: PetrelError | null;
  /** Keys that may have signed a manifest; `null` in dev mode: nothing is signed there. */
  readonly keys: readonly KeyObject[] | null;
  /** Of the hub when the request was made, and no more. */
  readonly formerKeys: readonly KeyObject[];
  /** On the disk of the agent's data; `null`: it does not say. */
  readonly freeBytes: number | null;
  /** Of this agent's database. */
  readonly storeFormat: number;
}

export type UpgradeVerdict =
  | { readonly kind: "take"; readonly manifest: SignedManifest }
  /** This version runs already. */
  | { readonly kind: "there" }
  /** The host, or this agent as it is, does not do it. */
  | { readonly kind: "refuse"; readonly error: PetrelError }
  /** It should have worked. */
  | { readonly kind: "fail"; readonly error: PetrelError };

/** Left over for everything else that the agent writes. */
const sparedBytes = 64 * 1024 * 1024;

export function judgeUpgrade(entry: UpgradeEntry, facts: UpgradeFacts): UpgradeVerdict {
  const { releases, allow_downgrade: mayGoBack, expires_at: expires } = entry;
  if (!(facts.hubNowMs < Date.parse(expires)))
    return fail("UPGRADE_EXPIRED", `the request was good until ${expires}`, "begin another rollout");
  if (facts.policy !== null) return { kind: "refuse", error: facts.policy };
  if (facts.unable !== null) return { kind: "refuse", error: facts.unable };
  const manifest = releases.find(({ arch }) => arch === facts.arch);
  if (manifest === undefined)
    return refuse(
      "UPGRADE_ARCHITECTURE",
      `there is no binary for ${facts.arch}`,
      "add it on the hub: petrel agent release add FILE",
    );
  // In dev mode nothing is signed, as with everything else that the hub says.
  if (facts.keys !== null && !isManifestSigned(manifest, facts.keys)) {
    if (isManifestSigned(manifest, facts.formerKeys))
      return fail(
        "UPGRADE_UNSIGNED",
        "the hub's key that has signed the manifest was dropped since",
        "begin another rollout: its key of today signs that",
      );
    return fail(
      "UPGRADE_UNSIGNED",
      "no key that the fleet's root key certifies has signed the manifest",
      "a hub never sends one like this: look at who speaks for it",
    );
  }
  const { version, min_agent: least } = manifest;
  if (!isVersion(version)) return fail("UPGRADE_UNFIT", `'${version}' is no version`, "add the binary again");
  if (version === facts.version) return { kind: "there" };
  if (compareVersions(version, facts.version) < 0 && !mayGoBack)
    return refuse(
      "UPGRADE_OLDER",
      `${version} is older than ${facts.version}, which runs`,
      "add --allow-downgrade if that is meant",
    );
  if (least !== null && isVersion(least) && compareVersions(facts.version, least) < 0)
    return refuse(
      "UPGRADE_STEP",
      `${version} takes the place of ${least} or newer, and ${facts.version} runs`,
      `go to ${least} first`,
    );
  const over = overFormat(manifest, facts);
  if (over !== null) return { kind: "refuse", error: over };
  // The parts, the whole, and the copy among the versions, which may be on the same disk.
  const wanted = compressedBytes(manifest) + 2 * manifest.bytes + sparedBytes;
  if (facts.freeBytes !== null && facts.freeBytes < wanted)
    return fail(
      "UPGRADE_ROOM",
      `${Math.ceil(wanted / 1e6)} MB are needed on the disk, and ${Math.floor(facts.freeBytes / 1e6)} MB are free`,
      "make room on the host",
    );
  return { kind: "take", manifest };
}

/** What stands against it can be allowed on the host alone, and whoever reads of it reads the message on the hub. */
export function byHand({ code, message, where }: PetrelError): PetrelError {
  const hint =
    "on this host, after a backup of its data folder: petrel-agent upgrade FILE --allow-format-change";
  return new PetrelError(code, `${message}; ${hint}`, { where, hint });
}

function overFormat(
  { version, store_format: format }: SignedManifest,
  { version: own, storeFormat }: Pick<UpgradeFacts, "version" | "storeFormat">,
): PetrelError | null {
  if (format == null || format === storeFormat) return null;
  if (format < storeFormat)
    return new PetrelError(
      "UPGRADE_UNFIT",
      `${version} reads databases up to format ${format}, and this agent's has ${storeFormat}`,
      { hint: "go back on the host, with the backup of before: docs/guides/upgrade.md" },
    );
  const what = `${version} brings the database from format ${storeFormat} to ${format}, which ${own} cannot read`;
  return byHand(new PetrelError("UPGRADE_FORMAT", what));
}

type Code = ConstructorParameters<typeof PetrelError>[0];

const refuse = (code: Code, message: string, hint: string): UpgradeVerdict => ({
  kind: "refuse",
  error: new PetrelError(code, message, { hint }),
});
const fail = (code: Code, message: string, hint: string): UpgradeVerdict => ({
  kind: "fail",
  error: new PetrelError(code, message, { hint }),
});
