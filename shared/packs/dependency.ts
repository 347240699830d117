/** `dependencies` of pack.yaml: other packs that a pack needs (st2 docs, Create and Contribute a Pack). Pure. */
import type { PackManifest } from "../model/pack.ts";
import { isPackName } from "../ref.ts";

export interface Dependency {
  /** The pack's name; of an URL, as its repository is called by custom: `stackstorm-NAME` or `NAME`. */
  readonly pack: string;
  /** What `petrel pack install` takes. */
  readonly source: string;
  /** `null`: any will do. */
  readonly version: string | null;
}

/** Where packs that are named without an URL are published. */
const exchange = "https://github.com/StackStorm-Exchange";

/** A name or an URL, with `=version` behind it when only that will do; `null` for what is neither. */
export function parseDependency(text: string): Dependency | null {
  const [, address = "", version = null] = /^(.*?)(?:=([^=/\s]+))?$/.exec(text.trim()) ?? [];
  const source = isPackName(address) ? `${exchange}/stackstorm-${address}.git` : address;
  const last = source.replace(/\/+$/, "").split(/[/:]/).at(-1) ?? "";
  const pack = last
    .replace(/\.git$/, "")
    .replace(/^stackstorm-/, "")
    .replaceAll("-", "_")
    .toLowerCase();
  if (!isPackName(pack) || !(isPackName(address) || /[/:]/.test(address))) return null;
  return { pack, source: version === null ? source : `${source}=${versionTag(source, version)}`, version };
}

/** Published packs carry `v` before a version in their tags. */
const versionTag = (source: string, version: string) =>
  source.startsWith(exchange) && /^\d/.test(version) ? `v${version}` : version;

/** Each behind those of the others that it needs; otherwise, and where they need each other, in their order. */
export function dependenciesFirst<T>(
  items: readonly T[],
  manifestOf: (item: T) => Pick<PackManifest, "ref" | "dependencies"> | null,
): readonly T[] {
  const manifests = items.map(manifestOf);
  const ordered = new Set<T>();
  const begun = new Set<T>();
  const add = (item: T, index: number): void => {
    if (begun.has(item)) return;
    begun.add(item);
    const needed = new Set(manifests[index]?.dependencies?.map((text) => parseDependency(text)?.pack));
    for (const [at, other] of items.entries()) if (needed.has(manifests[at]?.ref)) add(other, at);
    ordered.add(item);
  };
  for (const [index, item] of items.entries()) add(item, index);
  return [...ordered];
}
