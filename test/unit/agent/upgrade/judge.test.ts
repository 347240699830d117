/** Whether an agent does what a request to upgrade asks of it: one row for each reason. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { judgeUpgrade, type UpgradeFacts } from "../../../../agent/upgrade/judge.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { type ReleaseManifest, signManifest } from "../../../../shared/upgrade/manifest.ts";
import type { UpgradeEntry } from "../../../../shared/wire/messages.ts";
import { noon } from "../../../support/records.ts";

const hub = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");

const manifest: ReleaseManifest = {
  v: 1,
  version: "2.0.0",
  arch: "x64",
  sha256: "a".repeat(64),
  bytes: 1_000,
  parts: [{ digest: `sha256:${"b".repeat(64)}`, size: 500 }],
  min_agent: null,
  min_hub: null,
};
const signed = signManifest(manifest, hub.privateKey);

const entry = (over: Partial<UpgradeEntry> = {}): UpgradeEntry => ({
  kind: "upgrade",
  id: "01K1",
  at: timestamp(noon),
  upgrade: "r1",
  releases: [signed],
  allow_downgrade: false,
  expires_at: timestamp(noon + 1_000),
  ...over,
});

const facts = (over: Partial<UpgradeFacts> = {}): UpgradeFacts => ({
  version: "1.0.0",
  arch: "x64",
  hubNowMs: noon,
  policy: null,
  unable: null,
  keys: [hub.publicKey],
  formerKeys: [],
  freeBytes: 1e12,
  storeFormat: 2,
  ...over,
});

const said = (e: UpgradeEntry, f: UpgradeFacts) => {
  const verdict = judgeUpgrade(e, f);
  return "error" in verdict ? `${verdict.kind} ${verdict.error.code}` : verdict.kind;
};
const changed = (over: Partial<ReleaseManifest>) => ({ releases: [{ ...signed, ...over }] });
const resigned = (over: Partial<ReleaseManifest>) => ({
  releases: [signManifest({ ...manifest, ...over }, hub.privateKey)],
});

describe("a request to upgrade", () => {
  it.each<[string, Partial<UpgradeEntry>, Partial<UpgradeFacts>, string]>([
    ["is taken", {}, {}, "take"],
    ["is taken by any key of the hub", {}, { keys: [stranger.publicKey, hub.publicKey] }, "take"],
    ["is taken unsigned in dev mode", { releases: [signManifest(manifest, null)] }, { keys: null }, "take"],
    ["is taken where the disk does not say how full it is", {}, { freeBytes: null }, "take"],
    [
      "picks the host's architecture",
      { releases: [signManifest({ ...manifest, arch: "arm64" }, null), signed] },
      {},
      "take",
    ],
    ["comes to nothing where the version runs", {}, { version: "2.0.0" }, "there"],
    ["is too late", {}, { hubNowMs: noon + 1_000 }, "fail UPGRADE_EXPIRED"],
    ["names no time", { expires_at: "never" }, {}, "fail UPGRADE_EXPIRED"],
    [
      "is refused by the host's policy",
      {},
      { policy: new PetrelError("HOST_REFUSED", "no") },
      "refuse HOST_REFUSED",
    ],
    [
      "is refused where nothing is installed",
      {},
      { unable: new PetrelError("NOT_INSTALLED", "no") },
      "refuse NOT_INSTALLED",
    ],
    ["is for other machines", {}, { arch: "arm64" }, "refuse UPGRADE_ARCHITECTURE"],
    ["is signed by a stranger", {}, { keys: [stranger.publicKey] }, "fail UPGRADE_UNSIGNED"],
    ["is signed by nobody whom the root key knows", {}, { keys: [] }, "fail UPGRADE_UNSIGNED"],
    ["is not signed", { releases: [signManifest(manifest, null)] }, {}, "fail UPGRADE_UNSIGNED"],
    ["has another version than was signed", changed({ version: "3.0.0" }), {}, "fail UPGRADE_UNSIGNED"],
    ["has another digest than was signed", changed({ sha256: "c".repeat(64) }), {}, "fail UPGRADE_UNSIGNED"],
    ["has other parts than were signed", changed({ parts: [] }), {}, "fail UPGRADE_UNSIGNED"],
    ["has another size than was signed", changed({ bytes: 2_000 }), {}, "fail UPGRADE_UNSIGNED"],
    ["allows another step than was signed", changed({ min_agent: "0.1.0" }), {}, "fail UPGRADE_UNSIGNED"],
    ["is older", {}, { version: "2.0.1" }, "refuse UPGRADE_OLDER"],
    ["is older, and that is meant", { allow_downgrade: true }, { version: "2.0.1" }, "take"],
    ["skips a version that is needed", resigned({ min_agent: "1.5.0" }), {}, "refuse UPGRADE_STEP"],
    ["skips none", resigned({ min_agent: "1.0.0" }), {}, "take"],
    ["calls itself what is no version", resigned({ version: "../2.0.0" }), {}, "fail UPGRADE_UNFIT"],
    ["changes the database", changed({ store_format: 3 }), {}, "refuse UPGRADE_FORMAT"],
    ["cannot read the database", changed({ store_format: 1 }), {}, "refuse UPGRADE_UNFIT"],
    ["keeps the database as it is", changed({ store_format: 2 }), {}, "take"],
    ["does not say what becomes of the database", changed({ store_format: null }), {}, "take"],
    ["finds no room", {}, { freeBytes: 1_000_000 }, "fail UPGRADE_ROOM"],
  ])("%s", (_, e, f, verdict) => {
    expect(said(entry(e), facts(f))).toBe(verdict);
  });

  it("is told apart from a forged one when the key that signed it was dropped since", () => {
    const why = (former: UpgradeFacts["formerKeys"]) =>
      judgeUpgrade(entry(), facts({ keys: [stranger.publicKey], formerKeys: former }));
    expect(why([hub.publicKey])).toMatchObject({
      kind: "fail",
      error: { code: "UPGRADE_UNSIGNED", message: expect.stringContaining("dropped since") },
    });
    const forged = { kind: "fail", error: { message: expect.stringContaining("no key that the fleet's") } };
    for (const former of [[], [stranger.publicKey]]) expect(why(former)).toMatchObject(forged);
  });
});
