/** `petrel override list | get | set | delete` */
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import { type ErrorReport, formatError, isPetrelError, PetrelError } from "../../../shared/errors.ts";
import { type Overrides, overridableKinds } from "../../../shared/model/pack-overrides.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { OverrideView } from "../../packs/override-desk.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { readTextFile } from "../text-file-fs.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

const path = "/v1/overrides";
const at = (name: string) => `${path}/${encodeURIComponent(name)}`;

/** "sensors off; rules on, but 2" */
function inWords(overrides: Overrides): string {
  return overridableKinds
    .flatMap((kind) => {
      const { defaults, exceptions = {} } = overrides[kind] ?? {};
      const count = Object.keys(exceptions).length;
      const all = defaults?.enabled === undefined ? "" : ` ${defaults.enabled ? "on" : "off"}`;
      if (all === "" && count === 0) return [];
      const but = count === 0 ? "" : `${all === "" ? "" : ","} ${count} by name`;
      return [`${kind}${all}${but}`];
    })
    .join("; ");
}

function changeVerbs(noun: Command, context: CliContext): void {
  withExample(
    noun
      .command("set <name> <file>")
      .description(
        "override a pack, or with the name _global all packs, as a file says (- reads standard input)",
      ),
    "petrel override set mypack overrides/mypack.yaml",
    "petrel override set _global overrides/_global.yaml",
  ).action(async (name: string, file: string, _options: object, self: Command) => {
    const yaml = file === "-" ? await readAll(process.stdin) : readTextFile(context.io.cwd, file);
    if (yaml.trim() === "") {
      throw new PetrelError("PACK_FIELD", "there are no overrides in it: it is empty", {
        where: file === "-" ? "standard input" : file,
        hint: `write 'rules: {defaults: {enabled: false}}'; \`petrel override delete ${name}\` takes them away`,
      });
    }
    const written = await sent(self, context, { name, file, yaml });
    const count = written.switched.length;
    const what = `${count} ${count === 1 ? "part is" : "parts are"} switched otherwise than in their files`;
    const verdict = written.registered ? what : "kept for the pack, which is not registered";
    await context.say(self, `overrides of ${name}: ${verdict}`, written);
  });
  withExample(
    noun.command("delete <name>").description("take overrides away: files hold again"),
    "petrel override delete mypack",
  ).action(async (name: string, _options: object, self: Command) => {
    await context.api(self).ask("DELETE", at(name));
    await context.say(self, `${name} is overridden no longer`, { name, deleted: true });
  });
}

/** The hub knows the text, but not where it came from: its places are told as places of the file. */
async function sent(
  self: Command,
  context: CliContext,
  { name, file, yaml }: { readonly name: string; readonly file: string; readonly yaml: string },
) {
  const inFile = (text: string | undefined) =>
    file === "-"
      ? text
      : text?.replace(/^( {2}where: )?overrides(?=:)/gm, (_, before = "") => `${before}${file}`);
  type Written = OverrideView & { readonly warnings: readonly ErrorReport[] };
  try {
    const written = await context.api(self).ask<Written>("PUT", at(name), { yaml });
    for (const { code, message, where, fix } of written.warnings) {
      const warning = new PetrelError(code, message, { where: inFile(where), hint: fix });
      context.io.err(plainLines(`warning ${formatError(warning)}\n`));
    }
    return written;
  } catch (error) {
    if (!isPetrelError(error)) throw error;
    throw new PetrelError(error.code, inFile(error.message) ?? error.message, {
      where: inFile(error.where),
      hint: error.hint,
      cause: error,
    });
  }
}

export const overrideCommands: NounCommands = (noun, context) => {
  listVerb<OverrideView, OverrideView>(noun, context, {
    path,
    description: "list the overrides",
    example: "petrel override list",
    row: asIs,
    columns: [
      { header: "NAME", value: ({ name, registered }) => (registered ? name : `${name} (not registered)`) },
      { header: "SWITCHED", value: ({ switched }) => switched.length },
      { header: "OVERRIDES", value: ({ overrides }) => inWords(overrides), cut: true },
    ],
  });
  getVerb<OverrideView>(noun, context, {
    path,
    argument: "ref",
    description: "show the overrides of a pack or of _global, and what they switch",
    example: "petrel override get mypack",
  });
  changeVerbs(noun, context);
};
