/** The actions of pack core, by their runners. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import type { JsonObject } from "../../../shared/json.ts";
import { parsePack } from "../../../shared/packs/parse-pack.ts";
import { readPackFolder } from "../../../shared/packs/read-pack-fs.ts";
import { startRun } from "../../support/runner-bench.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const pack = resolve(import.meta.dirname, "../../../packs/core");
const codeOf = (file: string) => ({ [`actions/${file}`]: readFileSync(join(pack, "actions", file), "utf8") });

async function run(file: string, parameters: JsonObject) {
  const { outcome } = await startRun(
    "node-script",
    { entry_point: file, parameters },
    { files: { "package.json": '{"type":"module"}', ...codeOf(file) } },
  );
  return outcome;
}

test("everything that StackStorm's users know is there, and loads without a warning", async () => {
  const { pack: parsed, problems } = parsePack(await readPackFolder(pack), { folder: pack });
  expect(problems).toEqual([]);
  expect(parsed?.actions.map(({ name }) => name).sort()).toEqual([
    ...["echo", "error", "http", "local", "local_sudo", "noop", "pause", "remote", "remote_sudo"],
    ...["sendmail", "uuid"],
  ]);
});

test("pause waits and says how long", async () => {
  expect(await run("pause.ts", { max_pause: 0, random: false })).toMatchObject({
    status: "succeeded",
    result: { result: 0 },
  });
});

test.for<[type: string, form: RegExp]>([
  ["uuid1", /^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
  ["uuid4", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/],
])("uuid makes a %s", async ([uuid_type, form]) => {
  const { result } = await run("uuid.ts", { uuid_type });
  expect((result as { result: string }).result).toMatch(form);
});

test("remote fails and says what to do instead", async () => {
  const { status, result } = await run("remote.ts", { hosts: "web-1", cmd: "uptime" });
  expect(status).toBe("failed");
  expect((result as { result: string }).result).toContain("--host HOST");
});

async function send(over: JsonObject, exit = 0) {
  const bin = await tempFolder("sendmail");
  const parameters = {
    ...{ from: "petrel@example.org", to: "ops@example.org", subject: "ümlaut", send_empty_body: true },
    ...{ content_type: "text/plain", body: ".\nzwölf" },
    ...over,
  };
  const { outcome } = await startRun(
    "local-shell-script",
    {
      entry_point: "sendmail.sh",
      parameters,
      positional: ["from", "to", "subject", "send_empty_body", "content_type", "body"],
      runner_parameters: { env: { PATH: `${bin}/bin:${process.env.PATH}` } },
    },
    {
      files: {
        ...codeOf("sendmail.sh"),
        [`../${bin.split("/").at(-1)}/bin/sendmail`]: `#!/bin/sh\ncat > ${bin}/mail\necho "$*" > ${bin}/args\nexit ${exit}\n`,
      },
    },
  );
  const { status, result } = await outcome;
  const read = (name: string) => {
    try {
      return readFileSync(join(bin, name), "utf8");
    } catch {
      return null; // nothing was sent
    }
  };
  return {
    status,
    result: result as { stdout: string; stderr: string },
    mail: read("mail"),
    args: read("args"),
  };
}

test("sendmail hands a mail to the host, whatever letters it has", async () => {
  const { status, result, mail, args } = await send({ to: "ops@example.org\nBcc: all@example.org" });
  expect({ status, stdout: result.stdout, args }).toEqual({
    status: "succeeded",
    stdout: "Successfully sent mail to ops@example.orgBcc: all@example.org",
    args: "-i -t\n",
  });
  const [head = "", body = ""] = (mail ?? "").split("\n\n");
  expect(head.split("\n")).toEqual([
    "From: petrel@example.org",
    "To: ops@example.orgBcc: all@example.org",
    `Subject: =?UTF-8?B?${Buffer.from("ümlaut").toString("base64")}?=`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
  ]);
  expect(Buffer.from(body, "base64").toString()).toBe(".\nzwölf\n");
});

test("sendmail sends nothing that is empty when it is told so", async () => {
  expect(await send({ body: " \n", send_empty_body: false })).toMatchObject({
    status: "succeeded",
    mail: null,
  });
  expect((await send({ body: "" })).mail).not.toBeNull();
});

test("a mail that sendmail does not take is a failure", async () => {
  const { status, result } = await send({}, 75);
  expect(status).toBe("failed");
  expect(result.stderr).toContain("did not take the mail");
});
