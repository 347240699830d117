/** Action aliases: words in a chat that stand for an action (st2 docs, Action Alias). Kept and shown, not matched. */
import type { JsonObject } from "../json.ts";

export interface ActionAlias {
  readonly ref: string;
  readonly pack: string;
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly action_ref: string;
  readonly formats: readonly AliasFormat[];
  /** What a chat bot answers, and how it shows results: as in the file. */
  readonly ack: JsonObject;
  readonly result: JsonObject;
  readonly extra: JsonObject;
  readonly immutable_parameters: JsonObject;
}

export interface AliasFormat {
  /** What help shows; `null`: nothing. */
  readonly display: string | null;
  /** What is matched. */
  readonly representation: readonly string[];
}
