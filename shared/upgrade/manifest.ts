/**
 * What an agent is told of a binary before it takes it: which version, for which machine, and the digest of every byte. Signed by
 * the hub's key, which the fleet's root key certifies. The content travels as blobs: one Zstandard stream (RFC 8878), cut
 * into parts. Pure.
 */
import type { KeyObject } from "node:crypto";
import { isSigned, signature } from "../identity/ed25519.ts";
import type { BlobRef } from "../model/execution.ts";

export const architectures = ["x64", "arm64"] as const;
/** As `process.arch` says it. */
export type Architecture = (typeof architectures)[number];

export interface ReleaseManifest {
  readonly v: 1;
  readonly version: string;
  readonly arch: Architecture;
  /** Of the binary, in hexadecimal. */
  readonly sha256: string;
  /** Of the binary. */
  readonly bytes: number;
  /** In their order: together the compressed binary. */
  readonly parts: readonly BlobRef[];
  /** An agent that is older has to go by a version between; `null`: from any. */
  readonly min_agent: string | null;
  /** A hub that is older does not hand it out; `null`: any may. */
  readonly min_hub: string | null;
  /**
   * Of the database that it makes of an older one; absent or `null`: nobody said. Not signed, since agents that do not know
   * it could not verify the rest: it spares an agent a fetch that comes to nothing, and the host judges the program itself.
   */
  readonly store_format?: number | null;
}

export interface SignedManifest extends ReleaseManifest {
  /** `null` only in dev mode. */
  readonly signature: string | null;
}

/** Bytes of one part: as much as an agent holds in memory of what it fetches. */
export const partBytes = 4 * 1024 * 1024;
export const mostParts = 64;
/** Of a binary: what a stream says to be larger is no agent. */
export const mostBinaryBytes = 512 * 1024 * 1024;
/** Architectures of one version. */
export const mostReleases = 4;

const versionSchema = { type: "string", pattern: "^\\d{1,9}\\.\\d{1,9}\\.\\d{1,9}[0-9A-Za-z.+-]{0,124}$" };

const signedProperties = {
  v: { const: 1 },
  version: versionSchema,
  arch: { enum: architectures },
  sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
  bytes: { type: "integer", minimum: 1, maximum: mostBinaryBytes },
  parts: {
    type: "array",
    minItems: 1,
    maxItems: mostParts,
    items: {
      type: "object",
      required: ["digest", "size"],
      properties: {
        digest: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
        size: { type: "integer", minimum: 1, maximum: partBytes },
      },
    },
  },
  min_agent: { anyOf: [versionSchema, { type: "null" }] },
  min_hub: { anyOf: [versionSchema, { type: "null" }] },
} as const;

/** Properties of a manifest without its signature, for JSON Schemas of those who receive one. */
export const manifestProperties = {
  ...signedProperties,
  store_format: { anyOf: [{ type: "integer", minimum: 1 }, { type: "null" }] },
} as const;

/** Those that are there in any case. */
export const manifestRequired: readonly string[] = Object.keys(signedProperties);

/** For a message that carries one. */
export const signedManifestSchema = {
  type: "object",
  required: [...manifestRequired, "signature"],
  properties: {
    ...manifestProperties,
    signature: { anyOf: [{ type: "string", pattern: "^[A-Za-z0-9_-]{86}$" }, { type: "null" }] },
  },
} as const;

/** `key`: the hub's; `null` in dev mode. */
export function signManifest(manifest: ReleaseManifest, key: KeyObject | null): SignedManifest {
  return { ...manifest, signature: key === null ? null : signature(key, signedBytes(manifest)) };
}

/** Whether one of these keys has signed it. Never throws. */
export function isManifestSigned(manifest: SignedManifest, keys: readonly KeyObject[]): boolean {
  const { signature: text } = manifest;
  if (text === null) return false;
  const bytes = signedBytes(manifest);
  return keys.some((key) => isSigned(key, text, bytes));
}

/** Bytes of the parts together. */
export function compressedBytes({ parts }: Pick<ReleaseManifest, "parts">): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

/** A list, so that no order of members can make two texts of one manifest. */
function signedBytes(manifest: ReleaseManifest): Uint8Array {
  const { version, arch, sha256, bytes, parts, min_agent, min_hub } = manifest;
  const said = [
    version,
    arch,
    sha256,
    bytes,
    parts.map(({ digest, size }) => [digest, size]),
    min_agent,
    min_hub,
  ];
  return Buffer.from(`petrel agent release 1\0${JSON.stringify(said)}`);
}
