/** Rules and packs. */
import type { PackRecord } from "../../../shared/model/pack.ts";
import type { RuleRecord, RuleVersion } from "../../../shared/model/rule.ts";
import type { Written } from "./written.ts";

/** All rules at one version; an immutable value. */
export interface RuleSet {
  readonly version: number;
  readonly rules: readonly RuleRecord[];
}

/** Rules that come and go with a pack, as was decided from the rule set at `version`. */
export interface PackRules {
  readonly put: readonly RuleRecord[];
  readonly remove: readonly string[];
  readonly version: number;
}

/** What people have registered: it changes as a whole, by version or revision. */
export interface ContentStore {
  ruleSet(): Promise<RuleSet>;
  /** Writes or removes rules and raises the version, in one batch; `expectVersion` guards against a race. */
  changeRules(
    put: readonly RuleRecord[],
    remove: readonly string[],
    expectVersion: number,
  ): Promise<number | null>;
  /** The last 20 versions of a rule that differ, newest first: the present one, and the end of one that is deleted. */
  ruleHistory(ref: string): Promise<readonly RuleVersion[]>;
  packs(): Promise<readonly PackRecord[]>;
  pack(ref: string): Promise<PackRecord | null>;
  /**
   * A pack and its rules change together: a rule never refers to an action of another version. Nor do they change when
   * the rule set is not what `rules` was decided from; left out, all rules stay, whatever they are.
   */
  putPack(pack: PackRecord, expectRev: number | null, rules?: PackRules): Promise<Written>;
  removePack(ref: string, expectRev: number): Promise<Written>;
}
