/** The verbs that most nouns have, `list` and `get`, made from a description of the noun. */
import type { Command } from "commander";
import { wholeNumber, withExample } from "../../shared/cli/program-cli.ts";
import { PetrelError } from "../../shared/errors.ts";
import { plainLines } from "../../shared/plain-text.ts";
import { spanMs } from "../../shared/time-span.ts";
import type { ApiClient, Query } from "./api-client-http.ts";
import type { CliContext } from "./context-cli.ts";
import { type Column, toJson, toTable } from "./output.ts";
import { sinceInstant } from "./relative-time.ts";

export interface ListVerb<Item, Row> {
  /** Default: `list`. */
  readonly name?: string;
  /** An argument that must be given, and the query's field for it. */
  readonly argument?: { readonly name: string; readonly field: string };
  /** `/v1/<nouns>` */
  readonly path: string;
  readonly description: string;
  readonly columns: readonly Column<Row>[];
  readonly example: string;
  /** Flag, what it means; its long name with `_` for `-` is the query's field. */
  readonly filters?: readonly (readonly [flag: string, text: string])[];
  /** As `filters`, but must be given. */
  readonly required?: readonly (readonly [flag: string, text: string])[];
  /** The last word on what is asked of the hub. */
  readonly query?: (query: Query) => Query;
  /** The list is a history: it can be cut by time. */
  readonly history?: boolean;
  /** An item as `--json`, `--ndjson` and the table show it; without it, the item itself. */
  readonly row: (item: Item) => Row;
}

interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly since?: string;
  readonly until?: string;
  readonly last?: string;
  readonly ndjson?: boolean;
  readonly [filter: string]: unknown;
}

/** Rows that the hub gives when nothing is said. */
const defaultLimit = 50;

const queryName = (option: string) => option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** What `--since`, `--until` and `--last` cut a history to. CLI_USAGE for what is no time. */
function timesOf({ since, until, last }: ListOptions, nowMs: number): Readonly<Record<string, string>> {
  if (since !== undefined && last !== undefined) {
    throw new PetrelError("CLI_USAGE", "--since and --last exclude each other");
  }
  if (last !== undefined && spanMs(last) === null) {
    throw new PetrelError("CLI_USAGE", `--last '${last}' is no length of time`, {
      hint: "write 45s, 30m, 24h, 7d or 2w",
    });
  }
  const times: Record<string, string> = {};
  for (const [name, text] of Object.entries({ since: since ?? last, until })) {
    if (text === undefined) continue;
    const instant = sinceInstant(text, nowMs);
    if (instant === null) {
      throw new PetrelError("CLI_USAGE", `--${name} '${text}' is no time`, {
        hint: "write 30m, 24h, 7d, or an instant such as 2026-01-31T12:00:00Z",
      });
    }
    times[name] = instant;
  }
  return times;
}

function queryOf(options: ListOptions, nowMs: number): Record<string, string | number | undefined> {
  const { ndjson: _, since: _since, until: _until, last: _last, ...rest } = options;
  const query: Record<string, string | number | undefined> = {};
  for (const [name, value] of Object.entries(rest)) query[queryName(name)] = value as string | number;
  return { ...query, ...timesOf(options, nowMs) };
}

/** Adds `list` to a noun: a page as a table or a JSON array, or with --ndjson everything, oldest first. */
export function listVerb<Item, Row>(noun: Command, context: CliContext, verb: ListVerb<Item, Row>): void {
  const { io } = context;
  const { argument } = verb;
  const command = noun
    .command(verb.name ?? "list")
    .description(verb.description)
    .option("-n, --limit <rows>", "rows at most (1 to 1000; 50 when nothing is said)", wholeNumber(1, 1000))
    .option("--cursor <cursor>", "continue where the last page ended");
  if (argument !== undefined) command.argument(`<${argument.name}>`);
  for (const [flag, text] of verb.required ?? []) command.requiredOption(flag, text);
  if (verb.history) {
    command
      .option("--since <time>", "only what is newer: 30m, 24h, 7d, or an RFC 3339 instant")
      .option("--until <time>", "only what is older: 30m, 24h, 7d, or an RFC 3339 instant")
      .option("--last <duration>", "only that of the last 30m, 24h, 7d: as --since");
  }
  command.option("--ndjson", "all of them, one JSON text a line, oldest first");
  for (const [flag, text] of verb.filters ?? []) command.option(flag, text);
  withExample(command, verb.example).action(async (...given: unknown[]) => {
    const [options, self] = given.slice(-2) as [ListOptions, Command];
    const api = context.api(self);
    const asked: Query = {
      ...queryOf(options, io.now()),
      ...(argument !== undefined && { [argument.field]: String(given[0]) }),
    };
    const query = verb.query?.(asked) ?? asked;
    if (options.ndjson) {
      for await (const lines of api.lines(verb.path, query)) {
        const rows = lines.map((line) => JSON.stringify(verb.row(JSON.parse(line) as Item)));
        await io.out(plainLines(`${rows.join("\n")}\n`));
      }
      return;
    }
    const { limit = defaultLimit } = options;
    const items: Item[] = [];
    let { cursor } = options;
    do {
      // The hub looks for what is rare in bounded steps: a page may be short and have another one behind it.
      const rest = limit - items.length;
      const page: { items: readonly Item[]; cursor?: string } = await api.ask("GET", verb.path, {
        query: { ...query, ...(items.length > 0 && { limit: rest }), cursor },
      });
      items.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== undefined && items.length < limit);
    const rows = items.map(verb.row);
    const json = context.globals(self).json;
    await io.out(json ? toJson(rows) : toTable(rows, verb.columns, { columns: io.columns, nowMs: io.now() }));
    if (cursor !== undefined) io.err(`there are more: --cursor '${cursor}', or --ndjson for all\n`);
  });
}

export interface GetVerb<Item> {
  readonly path: string;
  /** `ref` or `id`. */
  readonly argument: "ref" | "id";
  readonly description: string;
  readonly example: string;
  /** What else has to be asked for to show it. */
  readonly complete?: (api: ApiClient, item: Item) => Promise<Item>;
  /** What people see; without it, everything. */
  readonly short?: (item: Item) => unknown;
  /** What `--json` shows; without it, the item as the API gives it. */
  readonly full?: (item: Item) => unknown;
}

/** Adds `get` to a noun: one record. */
export function getVerb<Item>(noun: Command, context: CliContext, verb: GetVerb<Item>): void {
  const command = noun.command(`get <${verb.argument}>`).description(verb.description);
  withExample(command, verb.example).action(async (key: string, _options: object, self: Command) => {
    const api = context.api(self);
    const found = await api.ask<Item>("GET", `${verb.path}/${encodeURIComponent(key)}`);
    const item = (await verb.complete?.(api, found)) ?? found;
    const full = verb.full?.(item) ?? item;
    await context.printRecord(self, full, verb.short?.(item) ?? full);
  });
}

/** The item itself, for nouns whose rows need no other form. */
export const asIs = <T>(item: T): T => item;
