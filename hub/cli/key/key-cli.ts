/** `petrel key list | get | set | delete | delete_by_prefix | load` */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { isPetrelError, PetrelError } from "../../../shared/errors.ts";
import { problemError } from "../../../shared/problem.ts";
import { readYaml } from "../../../shared/yaml/read-yaml.ts";
import type { KeyView } from "../../datastore/key-view.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { readTextFile } from "../text-file-fs.ts";
import { asIs, listVerb } from "../verbs-cli.ts";
import { loadedKeys } from "./loaded-keys.ts";

const path = "/v1/keys";
const at = (name: string) => `${path}/${encodeURIComponent(name)}`;

interface Place {
  readonly scope?: string;
  readonly user?: string;
}

interface SetOptions extends Place {
  readonly file?: string;
  readonly ttl?: number;
  readonly encrypt?: boolean;
  readonly encrypted?: boolean;
}

const scopeFlag = ["-s, --scope <scope>", "system (for all, the default) or user"] as const;
const userFlag = ["-u, --user <name>", "whose keys of scope user; you, when nothing is said"] as const;
const decryptFlag = ["-d, --decrypt", "show what secrets say"] as const;

/** For scope user the caller's own name stands for whose. */
function placed(context: CliContext, { scope = "system", user }: Place) {
  return { scope, user: user ?? (scope === "system" ? undefined : context.io.user) };
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new PetrelError("CLI_USAGE", `--ttl '${text}' is no number of seconds`, { hint: "write --ttl 3600" });
}

const shown = ({ scope, user, name }: Pick<KeyView, "scope" | "user" | "name">) =>
  scope.endsWith("user") ? `${name} of ${user ?? "nobody"}` : name;

export const keyCommands: NounCommands = (noun, context) => {
  listVerb<KeyView, KeyView>(noun, context, {
    path,
    description: "list the keys of the datastore, by name",
    example: "petrel key list --prefix web. --scope all",
    filters: [
      ["-p, --prefix <text>", "only names that begin so"],
      ["-s, --scope <scope>", "system (the default), user, or all"],
      userFlag,
      decryptFlag,
    ],
    query: ({ scope, user, ...rest }) => {
      const own = scope === "user" || scope === "st2kv.user" ? context.io.user : undefined;
      return { ...rest, scope, user: user ?? own };
    },
    row: asIs,
    columns: [
      { header: "NAME", value: (key) => key.name },
      { header: "VALUE", value: (key) => key.value, cut: true },
      { header: "SECRET", value: (key) => key.secret },
      { header: "SCOPE", value: (key) => key.scope.replace("st2kv.", "") },
      { header: "USER", value: (key) => key.user },
      {
        header: "EXPIRES",
        value: (key, now) => (key.expire_timestamp ? ago(key.expire_timestamp, now) : null),
      },
    ],
  });
  withExample(
    noun
      .command("get <name>")
      .description("show a key")
      .option(...scopeFlag)
      .option(...userFlag)
      .option(...decryptFlag),
    "petrel key get web.password --decrypt",
  ).action(async (name: string, { decrypt, ...place }: Place & { decrypt?: boolean }, self: Command) => {
    const query = { ...placed(context, place), ...(decrypt === true && { decrypt: "true" }) };
    await context.printRecord(self, await context.api(self).ask<KeyView>("GET", at(name), { query }));
  });
  setCommand(noun, context);
  withExample(
    noun
      .command("delete <name>")
      .description("delete a key")
      .option(...scopeFlag)
      .option(...userFlag),
    "petrel key delete web.password",
  ).action(async (name: string, options: Place, self: Command) => {
    await context.api(self).ask("DELETE", at(name), { query: placed(context, options) });
    await context.say(self, `${name} is gone`, { name, deleted: true });
  });
  deleteByPrefixCommand(noun, context);
  loadCommand(noun, context);
};

function setCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("set <name> [value]")
      .description("make a key, or give it another value")
      .option("--file <file>", "take the value from a file (/dev/stdin: what is piped in)")
      .option("-l, --ttl <seconds>", "the key goes after so many seconds", seconds)
      .option("-e, --encrypt", "keep it as a secret: encrypted on disk, masked where it is shown")
      .option("--encrypted", "the value is a secret of this hub in its encrypted form")
      .option(...scopeFlag)
      .option(...userFlag),
    "petrel key set web.threshold 5 --ttl 3600",
    "petrel key set web.password --file /dev/stdin --encrypt < password.txt",
  ).action(async (name: string, value: string | undefined, options: SetOptions, self: Command) => {
    const { file, ttl, encrypt, encrypted, ...place } = options;
    if ((value === undefined) === (file === undefined)) {
      throw new PetrelError("CLI_USAGE", "a key needs one value", {
        hint: "write the value behind the name, or --file FILE",
      });
    }
    // An editor ends each file with a line end that nobody means.
    const text = value ?? readTextFile(context.io.cwd, file ?? "").replace(/\r?\n$/, "");
    const key = await context.api(self).ask<KeyView>("PUT", at(name), {
      query: placed(context, place),
      body: {
        value: text,
        ...(ttl !== undefined && { ttl }),
        ...(encrypt === true && { secret: true }),
        ...(encrypted === true && { encrypted: true }),
      },
    });
    await context.say(self, `${shown(key)} is set`, key);
  });
}

function deleteByPrefixCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("delete_by_prefix")
      .description("delete all keys whose names begin so")
      .requiredOption("-p, --prefix <text>", "how their names begin")
      .option(...scopeFlag)
      .option(...userFlag),
    "petrel key delete_by_prefix -p old.",
  ).action(async ({ prefix, ...options }: Place & { prefix: string }, self: Command) => {
    const api = context.api(self);
    const query = placed(context, options);
    const deleted: string[] = [];
    for (let page: readonly KeyView[] = []; ; ) {
      const answer = await api.ask<{ items: typeof page }>("GET", path, {
        query: { ...query, prefix, limit: 1000 },
      });
      page = answer.items;
      if (page.length === 0) break;
      for (const { name } of page) if (await isDeleted(api, name, query)) deleted.push(name);
    }
    const sentence = deleted.length === 1 ? "1 key is gone" : `${deleted.length} keys are gone`;
    await context.say(self, sentence, { prefix, deleted });
  });
}

/** False when somebody else was quicker. */
async function isDeleted(
  api: ReturnType<CliContext["api"]>,
  name: string,
  query: ReturnType<typeof placed>,
): Promise<boolean> {
  try {
    await api.ask("DELETE", at(name), { query });
    return true;
  } catch (error) {
    if (isPetrelError(error) && error.code === "NOT_FOUND") return false;
    throw error;
  }
}

function loadCommand(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("load <file>")
      .description("set the keys that a YAML or JSON file lists; what is wrong with one of them touches none")
      .option("-c, --convert", "values that are no texts become their JSON"),
    "petrel key load keys.yaml",
  ).action(async (file: string, { convert = false }: { convert?: boolean }, self: Command) => {
    const { documents, problems } = readYaml(readTextFile(context.io.cwd, file), file);
    const [problem] = problems.filter(({ severity }) => severity === "error");
    if (problem) throw problemError(problem);
    const content = documents.flatMap(({ value }) => (Array.isArray(value) ? value : [value]));
    const keys = loadedKeys(content, { where: file, convert, nowMs: context.io.now() });
    const api = context.api(self);
    const set: KeyView[] = [];
    for (const { name, scope, user, body } of keys) {
      const query = placed(context, { scope, ...(user !== null && { user }) });
      set.push(await api.ask<KeyView>("PUT", at(name), { query, body }));
    }
    await context.say(self, set.length === 1 ? "1 key is set" : `${set.length} keys are set`, set);
  });
}
