/** What a manifest's signature holds: every member, in one spelling. */
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isManifestSigned, type ReleaseManifest, signManifest } from "../../../../shared/upgrade/manifest.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const digest = fc
  .array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 })
  .map((all) => all.join(""));
const version = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map((parts) => parts.join("."));
const manifests: fc.Arbitrary<ReleaseManifest> = fc.record({
  v: fc.constant(1 as const),
  version,
  arch: fc.constantFrom("x64" as const, "arm64" as const),
  sha256: digest,
  bytes: fc.integer({ min: 1, max: 1e9 }),
  parts: fc.array(
    fc.record({ digest: digest.map((hex) => `sha256:${hex}`), size: fc.integer({ min: 1, max: 1e6 }) }),
    { minLength: 1, maxLength: 4 },
  ),
  min_agent: fc.option(version, { nil: null }),
  min_hub: fc.option(version, { nil: null }),
});

describe("a manifest", () => {
  it("is signed for what it says and for nothing else", () => {
    fc.assert(
      fc.property(manifests, manifests, (one, other) => {
        const signed = signManifest(one, privateKey);
        expect(isManifestSigned(signed, [publicKey])).toBe(true);
        expect(isManifestSigned(JSON.parse(JSON.stringify(signed)), [publicKey])).toBe(true);
        for (const name of Object.keys(one) as (keyof ReleaseManifest)[]) {
          const mixed = { ...signed, [name]: other[name] };
          const isSame = JSON.stringify(mixed[name]) === JSON.stringify(one[name]);
          expect(isManifestSigned(mixed, [publicKey])).toBe(isSame);
        }
        expect(isManifestSigned({ ...signed, signature: null }, [publicKey])).toBe(false);
        expect(isManifestSigned(signed, [])).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the format of the database in a manifest", () => {
  it("is no part of what is signed: agents that do not know it would take the signature for a forged one", () => {
    const [one] = fc.sample(manifests, 1);
    if (one === undefined) throw new Error("no manifest");
    const signed = signManifest({ ...one, store_format: 3 }, privateKey);
    expect(signed.store_format).toBe(3);
    const { store_format: _, ...asOlder } = signed;
    expect(isManifestSigned(asOlder, [publicKey])).toBe(true);
  });
});
