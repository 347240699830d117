/**
 * What people are told to run, of the installation that they were at: below `--root DIR` the host's own service and folders
 * are another one's. And how one gets back over a format of the database: no program does it alone, since a backup has to be
 * put back. Pure.
 */
import { quote } from "../script-arguments.ts";
import type { Layout, Product } from "./layout.ts";

interface Installation {
  readonly product: Pick<Product, "name" | "program" | "unit">;
  readonly layout: Pick<Layout, "root" | "state">;
}

/** How the database of before comes back. */
const restores = {
  hub: ({ state }) => `\`petrel restore BACKUP --data ${word(state)} --force\``,
  agent: () =>
    "in its data folder put the copies of store and secrets.key of that version back, or move store away: it begins with a new one",
} as const satisfies Record<Product["name"], (layout: Installation["layout"]) => string>;

/** In their order. `file`: the older program. */
export function stepsBack({ product, layout }: Installation, file: string): string {
  const { name, unit } = product;
  const upgrade = commandFor(
    { product, layout },
    "upgrade",
    word(file),
    "--allow-downgrade",
    "--allow-format-change",
  );
  const isHost = layout.root === "/";
  const service = (verb: string) =>
    isHost ? `systemctl ${verb} ${unit}` : `${verb} ${unit} below ${layout.root}`;
  return [
    `1. ${service("stop")}`,
    `2. ${restores[name](layout)}`,
    `3. \`${upgrade}\``,
    `4. ${service("start")}`,
  ].join("; ");
}

/** A command line of this program, for this very installation. */
export function commandFor({ product, layout }: Installation, ...words: readonly string[]): string {
  return [product.program, ...words, ...(layout.root === "/" ? [] : ["--root", word(layout.root)])].join(" ");
}

/** As a shell has to be given it. */
const word = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : quote(text));
