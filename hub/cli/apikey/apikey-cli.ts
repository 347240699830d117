/** `petrel apikey`: keys of the hub's API (st2 docs, API keys). */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { apiRoles } from "../../../shared/model/api-key.ts";
import { spanMs } from "../../../shared/time-span.ts";
import type { ApiKeyView } from "../../http/routes/api-keys-http.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

const path = "/v1/apikeys";
const at = (id: string) => `${path}/${encodeURIComponent(id)}`;
const roleText = `${apiRoles.join(", ")}; observer when nothing is said`;

interface Rights {
  readonly role?: string;
  readonly scope?: readonly string[];
  readonly ttl?: number | null;
}

/** Seconds; `null` for `never`. */
function lifetime(text: string): number | null {
  if (text === "never") return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : spanMs(text);
  if (ms !== null && ms > 0) return ms / 1000;
  throw new PetrelError("CLI_USAGE", `--ttl '${text}' is no length of time`, {
    hint: "write 12h, 90d, a number of seconds, or never",
  });
}

const collect = (scope: string, before: readonly string[] = []): readonly string[] => [...before, scope];

const rightsOf = ({ role, scope, ttl }: Rights) => ({
  ...(role !== undefined && { role }),
  ...(scope !== undefined && { scopes: scope.filter((text) => text !== "") }),
  ...(ttl !== undefined && { ttl }),
});

const until = ({ expires_at }: ApiKeyView) => (expires_at === null ? "for good" : `until ${expires_at}`);

export const apiKeyCommands: NounCommands = (noun, context) => {
  createCommand(noun, context);
  listVerb<ApiKeyView, ApiKeyView>(noun, context, {
    path,
    description: "list the keys, in the order of their making; none shows the key itself",
    example: "petrel apikey list",
    row: asIs,
    columns: [
      { header: "ID", value: ({ id }) => id },
      { header: "NAME", value: ({ name }) => name },
      { header: "ROLE", value: ({ role }) => role },
      { header: "SCOPES", value: ({ scopes }) => scopes.join(" "), cut: true },
      { header: "ENABLED", value: ({ enabled }) => enabled },
      { header: "EXPIRES", value: ({ expires_at }, now) => (expires_at ? ago(expires_at, now) : "never") },
      { header: "USED", value: ({ last_used_at }, now) => (last_used_at ? ago(last_used_at, now) : null) },
      { header: "FROM", value: ({ last_used_from }) => last_used_from },
    ],
  });
  getVerb<ApiKeyView>(noun, context, {
    path,
    argument: "id",
    description: "show what is known of a key",
    example: "petrel apikey get 01J8Z3K5QW9V7C2X4B6N8M0P1R",
  });
  updateCommand(noun, context);
  for (const [verb, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const) {
    withExample(
      noun.command(`${verb} <id>`).description(enabled ? "let a key open again" : "let a key open nothing"),
      `petrel apikey ${verb} 01J8Z3K5QW9V7C2X4B6N8M0P1R`,
    ).action(async (id: string, _options: object, self: Command) => {
      const key = await context.api(self).ask<ApiKeyView>("PATCH", at(id), { body: { enabled } });
      await context.say(self, `the key ${key.name} (${key.id}) is ${verb}d`, key);
    });
  }
  withExample(
    noun.command("delete <id>").description("delete a key: it opens nothing from now on"),
    "petrel apikey delete 01J8Z3K5QW9V7C2X4B6N8M0P1R",
  ).action(async (id: string, _options: object, self: Command) => {
    await context.api(self).ask("DELETE", at(id));
    await context.say(self, `the key ${id} is gone`, { id, deleted: true });
  });
};

function createCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("create <name>")
      .description("make a key, and show it, this one time")
      .option("--role <role>", roleText)
      .option(
        "--scope <noun[:verb[:ref]]>",
        "only this of what the role may; can be given several times",
        collect,
      )
      .option("--ttl <time>", "12h, 90d, seconds, or never; 90d when nothing is said", lifetime)
      .option("-k, --only-key", "print the key and nothing else"),
    "petrel apikey create ann --role operator --ttl 30d",
    "petrel apikey create github --role webhook --scope webhook:deliver:github/push --ttl never",
  ).action(async (name: string, options: Rights & { onlyKey?: boolean }, self: Command) => {
    const body = { name, ...rightsOf(options) };
    const made = await context.api(self).ask<ApiKeyView & { key: string }>("POST", path, { body });
    if (options.onlyKey === true) return context.io.out(`${made.key}\n`);
    const sentence = `${made.key}\nThis is the key of ${made.name} (${made.role}, ${until(made)}). It cannot be shown again.`;
    return context.say(self, sentence, made);
  });
}

function updateCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("update <id>")
      .description("change what a key may, and until when; the key itself stays")
      .option("--role <role>", apiRoles.join(", "))
      .option(
        "--scope <noun[:verb[:ref]]>",
        "in place of its scopes; '' for none; can be given several times",
        collect,
      )
      .option("--ttl <time>", "from now: 12h, 90d, seconds, or never", lifetime),
    "petrel apikey update 01J8Z3K5QW9V7C2X4B6N8M0P1R --ttl 90d",
  ).action(async (id: string, options: Rights, self: Command) => {
    const body = rightsOf(options);
    if (Object.keys(body).length === 0) {
      throw new PetrelError("CLI_USAGE", "nothing is to be changed", {
        hint: "give --role, --scope or --ttl",
      });
    }
    const key = await context.api(self).ask<ApiKeyView>("PATCH", at(id), { body });
    await context.say(self, `the key ${key.name} is ${key.role}, ${until(key)}`, key);
  });
}
