/** `petrel agent token | pending | approve | reject | remove` */
import type { Command } from "commander";
import { collect, wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { spanMs } from "../../../shared/time-span.ts";
import type { IdentityView, NewToken, TokenView } from "../../enrolment/enrolment-desk.ts";
import type { NounCommands } from "../context-cli.ts";
import { labelsOption } from "../labels-option.ts";
import { ago } from "../relative-time.ts";
import { asIs, listVerb } from "../verbs-cli.ts";

interface TokenOptions {
  readonly uses: number;
  readonly ttl: string;
  readonly label?: readonly string[];
  readonly id?: string;
  readonly onlyToken?: boolean;
}

/** `enroll`: the command that the hub says. A host that has only the file wants the other one. */
const onTheHost = (enroll: string) =>
  [
    "on the host, as root, with the binary:",
    `  ${enroll.replace(/^petrel-agent enroll /, "./petrel-agent install ")}`,
    "or, where it is installed already, or is to be no service:",
    `  ${enroll}`,
  ].join("\n");

const tokens = "/v1/agent-tokens";
const identities = "/v1/identities";
const place = (id: string) => `${identities}/${encodeURIComponent(id)}`;

export const enrolmentCommands: NounCommands = (noun, context) => {
  const token = noun
    .command("token")
    .description("make a token that hosts enrol with; it is shown once, and only a key of it is kept")
    .option("--uses <n>", "how many hosts may enrol with it", wholeNumber(1, 100_000), 1)
    .option("--ttl <duration>", "how long: 30m, 24h, 7d", "1h")
    .option("--label <key=value>", "a label for those who enrol with it (repeatable)", collect)
    .option("--id <name>", "the only agent id it is good for")
    .option("--only-token", "print the token and nothing else");
  withExample(token, "petrel agent token", "petrel agent token --uses 50 --ttl 24h --label role=web").action(
    async (options: TokenOptions, self: Command) => {
      const ms = spanMs(options.ttl);
      if (ms === null) {
        throw new PetrelError("CLI_USAGE", `--ttl '${options.ttl}' is no length of time`, {
          hint: "write 30m, 24h or 7d",
        });
      }
      const body = {
        uses: options.uses,
        ttl: Math.round(ms / 1_000),
        labels: labelsOption(options.label ?? []),
        agent: options.id ?? null,
      };
      const made = await context.api(self).ask<NewToken>("POST", tokens, { body });
      if (options.onlyToken === true) return context.io.out(`${made.token}\n`);
      await context.say(self, `${made.token}\n\n${onTheHost(made.command)}`, made);
    },
  );
  listVerb<TokenView, TokenView>(token, context, {
    path: tokens,
    description: "list the tokens",
    example: "petrel agent token list",
    row: asIs,
    columns: [
      { header: "TOKEN", value: (one) => one.id },
      { header: "STATE", value: (one) => one.state },
      { header: "USES", value: (one) => `${one.uses} of ${one.uses_at_first}` },
      { header: "EXPIRES", value: (one) => one.expires_at },
      { header: "AGENT", value: (one) => one.agent },
      { header: "LABELS", value: (one) => labelText(one.labels), cut: true },
    ],
  });
  withExample(
    token.command("revoke <id>").description("make a token useless; who enrolled with it stays"),
    "petrel agent token revoke k3v9qa7c2xyz",
  ).action(async (id: string, _options: object, self: Command) => {
    const revoked = await context.api(self).ask<TokenView>("DELETE", `${tokens}/${encodeURIComponent(id)}`);
    await context.say(self, `${revoked.id}: revoked`, revoked);
  });

  listVerb<IdentityView, IdentityView>(noun, context, {
    name: "pending",
    path: identities,
    query: (query) => ({ ...query, state: "pending" }),
    description: "list the hosts that wait to be approved",
    example: "petrel agent pending",
    row: asIs,
    columns: [
      { header: "AGENT", value: (one) => one.agent },
      { header: "FINGERPRINT", value: (one) => one.fingerprint },
      { header: "HOST", value: (one) => one.host },
      { header: "ADDRESS", value: (one) => one.address, cut: true },
      { header: "SINCE", value: (one, now) => ago(one.requested_at, now) },
    ],
  });
  withExample(
    noun
      .command("approve <id>")
      .description("let a host that waits become an agent")
      .option("--fingerprint <sha256>", "of its key, as the host shows it: refused if it is another"),
    "petrel agent approve web-1 --fingerprint sha256:…",
  ).action(async (id: string, { fingerprint }: { fingerprint?: string }, self: Command) => {
    const body = { fingerprint: fingerprint ?? null };
    const approved = await context.api(self).ask<IdentityView>("POST", `${place(id)}/approve`, { body });
    await context.say(self, `${approved.agent}: approved, key ${approved.fingerprint}`, approved);
  });
  withExample(
    noun.command("reject <id>").description("send a host away that waits to be approved"),
    "petrel agent reject web-1",
  ).action(async (id: string, _options: object, self: Command) => {
    const rejected = await context.api(self).ask<IdentityView>("POST", `${place(id)}/reject`);
    await context.say(self, `${rejected.agent}: rejected`, rejected);
  });
  withExample(
    noun
      .command("remove <id>")
      .description("take an agent out of the fleet: its key counts no more, and what waits for it ends")
      .option("--purge", "forget its record too; what it did stays in the history"),
    "petrel agent remove web-1 --purge",
  ).action(async (id: string, { purge = false }: { purge?: boolean }, self: Command) => {
    const removed = await context
      .api(self)
      .ask<IdentityView>("DELETE", `/v1/agents/${encodeURIComponent(id)}`, {
        query: { purge: String(purge) },
      });
    await context.say(self, `${removed.agent}: removed`, removed);
  });
};

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.sort().join(" ");
}
