/** How one gets back over a format of the database: no program does it alone, since a backup has to be put back. Pure. */
import type { Product } from "./layout.ts";

/** How the database of before comes back. */
const restores = {
  hub: "`petrel restore BACKUP --data /var/lib/petrel --force`",
  agent:
    "in its data folder put the copies of store and secrets.key of that version back, or move store away: it begins with a new one",
} as const satisfies Record<Product["name"], string>;

/** In their order. `file`: the older program. */
export function stepsBack({ name, program, unit }: Product, file: string): string {
  return [
    `1. systemctl stop ${unit}`,
    `2. ${restores[name]}`,
    `3. \`${program} upgrade ${file} --allow-downgrade --allow-format-change\``,
    `4. systemctl start ${unit}`,
  ].join("; ");
}
