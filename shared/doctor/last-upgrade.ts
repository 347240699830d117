/** Judges how the last upgrade of an installed program ended. Pure. */
import { dirname } from "node:path";
import type { Product } from "../install/layout.ts";
import type { Pending, UpgradeOutcome } from "../install/pending.ts";
import type { Stand } from "../install/trial.ts";
import { type Found, fault, note, ok, warning } from "./finding.ts";

export interface UnderWay extends Pick<Pending, "from" | "to" | "at" | "back"> {
  /** The file that says so. */
  readonly where: string;
}

export interface LastUpgrade {
  /** The file that says how it ended. */
  readonly where: string;
  readonly outcome: UpgradeOutcome | null;
  /** Where one that is under way stands, and which one that is. */
  readonly stand: Stand["kind"];
  readonly pending: UnderWay | null;
  /** In force; `null`: none is installed. */
  readonly current: string | null;
  /** Why none of it is known; `null`: it is. */
  readonly unreadable: string | null;
}

export function lastUpgradeFound(
  { where, outcome, stand, pending, current, unreadable }: LastUpgrade,
  { program, unit }: Pick<Product, "program" | "unit">,
): readonly Found[] {
  if (unreadable !== null) {
    const what = `how the last upgrade ended cannot be read: ${unreadable}`;
    return [warning(what, where, `as root: ls -l ${dirname(where)}; chmod go+r what is named here`)];
  }
  if (current === null) return [ok(`${program} install has not put it here`, where)];
  const again = `mend that, or take another version: ${program} upgrade FILE`;
  const saying = (word: "since" | "until", at: string) =>
    `journalctl -u ${unit} --${word} "${at.slice(0, 19).replace("T", " ")} UTC"`;
  if (stand === "back" && pending !== null)
    return [
      warning(
        `the upgrade to ${pending.to} is on its way back to ${pending.from}, and was cut off: ${pending.back}`,
        pending.where,
        `systemctl restart ${unit} ends it; ${saying("since", pending.at)} has what ${pending.to} said; ${again}`,
      ),
    ];
  if (stand === "trial") return [note(`version ${current} is still on trial`, where)];
  if (outcome === null) return [ok("there was none", where)];
  const { from, to, result, why, at } = outcome;
  if (result === "upgraded") return [ok(`the last one, from ${from} to ${to}, went well at ${at}`, where)];
  const log = `${saying("until", at)} has what ${to} said`;
  if (result === "kept")
    return current === to
      ? [
          fault(
            `version ${to} was not well at ${at}, and stays: ${why}`,
            where,
            `${log}; upgrade to a version that mends it`,
          ),
        ]
      : [ok(`version ${to}, which was not well, has been replaced by ${current}`, where)];
  // Somebody has put it there since, in another way.
  if (current === to) return [ok(`version ${to} is in force`, where)];
  return [warning(`the upgrade to ${to} was taken back at ${at}: ${why}`, where, `${log}; ${again}`)];
}
