/** What an installation puts on a host, and how that differs from what is there. Pure. */
import { type Layout, type Product, programOf } from "./layout.ts";

export type Piece =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly text: string;
      /** `ours` is written anew with each version; `theirs` is written once, and then belongs to who edits it. */
      readonly owner: "ours" | "theirs";
      /** Of `theirs`: the text that nobody's wishes are in. */
      readonly usual?: string;
    }
  | { readonly kind: "link"; readonly path: string; readonly to: string };

/** What stands at a piece's path; `null`: nothing. */
export interface Found {
  readonly mode: number;
  /** Content of a file, target of a link. */
  readonly text: string | null;
}

export type Step = "make" | "change" | "keep" | "none";

export interface InstallTexts {
  readonly guard: string;
  readonly config: string;
  /** The same without anybody's wishes. */
  readonly usualConfig: string;
  /** By name of the unit. */
  readonly units: Readonly<Record<string, string>>;
}

/** In the order in which they are made; the program itself comes before all of them. */
export function piecesOf(
  layout: Layout,
  product: Product,
  version: string,
  texts: InstallTexts,
): readonly Piece[] {
  const above = (path: string) => path.slice(0, path.lastIndexOf("/"));
  return [
    { kind: "folder", path: above(layout.base), mode: 0o755 },
    { kind: "folder", path: layout.base, mode: 0o755 },
    { kind: "folder", path: layout.versions, mode: 0o755 },
    { kind: "file", path: layout.guard, mode: 0o755, text: texts.guard, owner: "ours" },
    { kind: "link", path: layout.current, to: `versions/${version}` },
    { kind: "folder", path: above(layout.command), mode: 0o755 },
    {
      kind: "link",
      path: layout.command,
      to: hostPath(layout, programOf(layout, product, version), version),
    },
    { kind: "folder", path: above(layout.config), mode: 0o755 },
    {
      kind: "file",
      path: layout.config,
      mode: product.configMode,
      text: texts.config,
      owner: "theirs",
      usual: texts.usualConfig,
    },
    { kind: "folder", path: layout.state, mode: product.stateMode },
    ...Object.entries(texts.units).flatMap(([name, text]): readonly Piece[] => [
      { kind: "folder", path: above(layout.unit), mode: 0o755 },
      { kind: "file", path: `${above(layout.unit)}/${name}`, mode: 0o644, text, owner: "ours" },
    ]),
  ];
}

/** As the host itself will see it: below a root for images, links must not lead out into the root's own path. */
function hostPath(layout: Layout, program: string, version: string): string {
  const inBase = program.slice(layout.versions.length + version.length + 1);
  return `/opt/petrel/${layout.base.slice(layout.base.lastIndexOf("/") + 1)}/current${inBase}`;
}

export function stepOf(piece: Piece, found: Found | null): Step {
  if (found === null) return "make";
  switch (piece.kind) {
    case "folder":
      // Folders of the system have modes of their own; only what is closed to others is put right.
      return piece.mode !== 0o755 && found.mode !== piece.mode ? "change" : "none";
    case "link":
      return found.text === piece.to ? "none" : "change";
    case "file":
      if (piece.owner === "theirs") return found.text === piece.text ? "none" : "keep";
      return found.text === piece.text && found.mode === piece.mode ? "none" : "change";
  }
}

/** Settings that somebody wished for and that an edited file does not have. Comments, and what is usual, do not count. */
export function missingSettings(piece: Extract<Piece, { kind: "file" }>, edited: string): readonly string[] {
  const settings = (text: string) =>
    text
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line !== "" && !line.trimStart().startsWith("#"));
  const there = new Set([...settings(edited), ...settings(piece.usual ?? "")]);
  return settings(piece.text).filter((line) => !there.has(line));
}
