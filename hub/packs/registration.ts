/** From a pack's files to the records that register it, or the list of everything that is wrong. */
import { isDeepStrictEqual } from "node:util";
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import type { OverrideBook } from "../../shared/model/pack-overrides.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import { packContents } from "../../shared/packs/contents.ts";
import type { PackFile } from "../../shared/packs/pack-file.ts";
import { parsePack } from "../../shared/packs/parse-pack.ts";
import { formatProblem, type Problem } from "../../shared/problem.ts";
import { layeredProblems } from "./check-config.ts";
import { idleExceptions, overridden } from "./overridden.ts";

export interface Registration {
  readonly record: PackRecord;
  /** The packed contents that `record.digest` names. */
  readonly contents: Uint8Array;
  /** Those that the pack brings anew, with `rev` 1, or otherwise than they are. */
  readonly rules: readonly RuleRecord[];
  /** Rules that an earlier version brought and this one does not. */
  readonly removeRules: readonly string[];
  readonly warnings: readonly Problem[];
}

export interface RegistrationInput {
  readonly files: readonly PackFile[];
  /** The folder they were in: names the pack when its manifest does not, and is shown in errors. */
  readonly folder: string | undefined;
  /** `undefined` keeps the operator's layer of the version before. */
  readonly config: JsonObject | undefined;
  /** All rules as they are now. */
  readonly rules: readonly RuleRecord[];
  /** What a pack registered for the first time is assigned to. */
  readonly assignTo: readonly LabelSelector[];
  /** A configuration that this version refuses is kept as it is, and told among the warnings. */
  readonly mayStay?: boolean | undefined;
  /** Rules that are there stay switched on or off as they are: the pack comes again at each start of the hub. */
  readonly keepsSwitches?: boolean;
  /** It came with the program, as it was tested. */
  readonly isOwn?: boolean;
  /** What operators switch on and off, whatever the files say. */
  readonly overrides?: OverrideBook;
  readonly nowMs: number;
  /** How to find the version before, once the ref is known. */
  readonly findBefore: (ref: string) => PackRecord | null;
}

/**
 * Checks everything before anything is written. Throws PACK_INVALID with every problem in the message.
 * A rule keeps being switched on or off by its file: registering is what the file says now.
 */
export function prepareRegistration(input: RegistrationInput): Registration {
  const parsed = parsePack(input.files, { folder: input.folder, isOwn: input.isOwn });
  if (parsed.pack === null) throw invalidPack(parsed.problems);
  const book = input.overrides ?? {};
  const { pack, published } = overridden(parsed.pack, [], book);
  const ref = pack.manifest.ref;
  const before = input.findBefore(ref);
  const config = input.config ?? before?.config ?? {};
  const layers = before?.layers ?? [];
  // Required values may come later, by `pack config`: until then the sensor says what it misses.
  const wrong = layeredProblems(pack, { config, layers }, false);
  if (wrong.length > 0 && input.mayStay !== true) throw invalidPack(wrong);

  const packed = packContents(input.files);
  const at = timestamp(input.nowMs);
  const record: PackRecord = {
    ref,
    version: pack.manifest.version,
    digest: packed.digest,
    size: packed.bytes.byteLength,
    registered_at: at,
    pack,
    ...(published.length > 0 && { published }),
    config,
    layers,
    // Its secrets could not be opened: they stay where they are.
    ...(before?.sealed !== undefined && input.config === undefined && { sealed: before.sealed }),
    assigned_to: before === null ? input.assignTo : before.assigned_to,
    rev: (before?.rev ?? 0) + 1,
  };
  const existing = new Map(input.rules.map((rule) => [rule.rule.ref, rule]));
  const rules = pack.rules.flatMap((brought): readonly RuleRecord[] => {
    const there = existing.get(brought.ref);
    const rule = input.keepsSwitches === true ? { ...brought, enabled: switchOf(there, brought) } : brought;
    // The history has versions that differ: one that comes as it was is none.
    const isSame = there !== undefined && isDeepStrictEqual(there.rule, rule);
    if (isSame) return there.source === "pack" ? [] : [{ ...there, source: "pack" }];
    return [{ rule, source: "pack", updated_at: at, rev: (there?.rev ?? 0) + 1 }];
  });
  const kept = new Set(pack.rules.map((rule) => rule.ref));
  const removeRules = input.rules
    .filter(({ rule, source }) => source === "pack" && rule.pack === ref && !kept.has(rule.ref))
    .map(({ rule }) => rule.ref);
  const lacking = wrong.length === 0 && input.keepsSwitches !== true ? lackingConfig(record) : [];
  const warnings = [...parsed.problems, ...wrong, ...lacking, ...idleExceptions(pack, book)];
  return { record, contents: packed.bytes, rules, removeRules, warnings };
}

/** What its sensors and actions may expect to be configured, and is not yet. */
function lackingConfig({ ref, pack, config, layers }: PackRecord): readonly Problem[] {
  return layeredProblems(pack, { config, layers }, true).map((problem) => ({
    ...problem,
    severity: "warning",
    hint: `petrel pack config ${ref} --set NAME=VALUE`,
  }));
}

const switchOf = (before: RuleRecord | undefined, { enabled }: RuleRecord["rule"]) =>
  before?.source === "pack" ? before.rule.enabled : enabled;

const mostShown = 20;

/** One error for many problems: the first ones with their place and mend, as `petrel pack check` prints them all. */
export function invalidPack(
  problems: readonly Problem[],
  what: "pack" | "rule" | "configuration" | "file of overrides" = "pack",
): PetrelError {
  const errors = problems.filter((problem) => problem.severity === "error");
  const first = errors[0];
  if (errors.length === 1 && first !== undefined) {
    return new PetrelError(first.code, first.message, { where: first.where, hint: first.hint });
  }
  // Whoever reads it mends the first ones, and looks again: a file of nonsense is not answered with a book.
  const text = errors
    .slice(0, mostShown)
    .map((problem) => formatProblem(problem))
    .join("\n");
  const rest = errors.length > mostShown ? `; the first ${mostShown}:` : "";
  // One slip of the pen is often several errors to a parser: still it is no more than a file that does not parse.
  const isSyntax = errors.every(({ code }) => code === "YAML_SYNTAX");
  return new PetrelError(
    isSyntax ? "YAML_SYNTAX" : what === "rule" ? "RULE_INVALID" : "PACK_INVALID",
    `the ${what} has ${errors.length} errors; nothing was changed${rest}\n${text}`,
    {
      hint:
        what === "configuration" || what === "file of overrides"
          ? "mend what each line says"
          : `mend what each line says; \`petrel ${what === "pack" ? "pack check" : "rule test"}\` shows ${errors.length > mostShown ? "all of them" : "the same"} without a hub`,
    },
  );
}
