import { expect, test } from "vitest";
import { createExecution } from "../../../../hub/executions/request.ts";
import { createShrinker } from "../../../../hub/executions/shrink.ts";
import { openedEntry } from "../../../../hub/secrets/opened-entry.ts";
import type { Dispatch } from "../../../../hub/store/port/ledgers.ts";
import { sentSize } from "../../../../hub/store/sent-size.ts";
import { openBlob } from "../../../../shared/blobs/sealed-blob.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { systemRandom } from "../../../../shared/system-process.ts";
import { type ActionRequestEntry, maxEntryBytes } from "../../../../shared/wire/messages.ts";
import { execution, request } from "../../../contract/store/world.ts";
import { aNewExecution, anAction } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const KiB = 1024;
const sealer = testSealer();

test.each([
  ["small ones stay in the request", 10 * KiB, 10 * KiB, false],
  ["large ones go into a blob", 100 * KiB, 0, true],
  ["so do those that are large together with the runner's", 60 * KiB, 90 * KiB, true],
  ["the runner's alone stay", 0, 90 * KiB, false],
])("parameters of a request: %s", async (_, own, runner, goes) => {
  const stored: string[] = [];
  const put = async (bytes: Uint8Array) => {
    stored.push(Buffer.from(bytes).toString());
    return { digest: "sha256:0", size: bytes.length };
  };
  const parameters = { text: "x".repeat(own) };
  const dispatch = request(execution(1), { parameters, runner_parameters: { cmd: "x".repeat(runner) } });
  const [shrunk] = await createShrinker({ put, sealer, random: systemRandom })([dispatch]);
  expect(Buffer.byteLength(JSON.stringify(shrunk?.entry))).toBeLessThan(128 * KiB);
  expect(stored).toEqual(goes ? [JSON.stringify(parameters)] : []);
  if (goes) expect(shrunk?.entry).toMatchObject({ parameters: {}, parameters_blob: { digest: "sha256:0" } });
  else expect(shrunk).toEqual(dispatch);
});

const deploy = anAction({
  ref: "mypack.deploy",
  runner_type: "local-shell-cmd",
  parameters: { token: { type: "string", secret: true }, text: { type: "string" } },
});
const secret = "Planted-9f3c71";

function secretRequest(id: string, runner_parameters: JsonObject, parameters: JsonObject) {
  const { dispatch } = createExecution(
    aNewExecution({
      id,
      action: { definition: deploy, pack_digest: `sha256:${"0".repeat(64)}` },
      resolved: { runner_parameters, parameters: { token: secret, ...parameters } },
      rule: "mypack.rule",
      trigger_instance: "T",
      enforcement: "F",
    }),
    sealer,
  );
  return dispatch;
}

async function shrunkOf(dispatches: readonly Dispatch[]) {
  const stored: Uint8Array[] = [];
  const put = async (bytes: Uint8Array) => {
    stored.push(bytes);
    return { digest: `sha256:${String(stored.length).padStart(64, "0")}`, size: bytes.length };
  };
  const shrunk = await createShrinker({ put, sealer, random: systemRandom })(dispatches);
  return { stored, shrunk };
}

test.each([10, 30, 50, 56, 60, 72, 90, 95.9])(
  "a command line of %d KiB that quotes a secret fits, as it waits and as it is sent",
  async (size) => {
    const cmd = "z".repeat(size * KiB - secret.length - 20) + secret;
    const given = secretRequest("E1", { cmd }, { text: "x".repeat(20 * KiB) });
    const { shrunk } = await shrunkOf([given]);
    const [entry] = shrunk.map((each) => each.entry);
    if (entry === undefined) throw new Error("no request");
    expect(JSON.stringify(entry)).not.toContain(secret);
    expect(sentSize(entry)).toBeLessThanOrEqual(maxEntryBytes);
    const opened = openedEntry(entry, sealer, ["sealed-blob"]);
    expect(opened).toMatchObject({ runner_parameters: { cmd } });
    expect(Buffer.byteLength(JSON.stringify(opened))).toBeLessThanOrEqual(sentSize(entry));
  },
);

test("requests for many agents with the same secrets share one encrypted blob, which each can open", async () => {
  const text = "x".repeat(100 * KiB);
  const ids = ["E1", "E2", "E3"];
  const same = ids.map((id) => secretRequest(id, { cmd: `-p ${secret}` }, { text }));
  const other = secretRequest("E4", { cmd: "id" }, { text: `${text}y` });
  const { stored, shrunk } = await shrunkOf([...same, other]);
  expect(stored).toHaveLength(2);
  // An agent that is older would take it for text that is damaged.
  for (const { entry } of shrunk)
    expect(() => openedEntry(entry, sealer, ["action-request"])).toThrow(/^AGENT_TOO_OLD|upgrade it/);
  // Builds which could open them before that had a name of its own say so by what came after.
  for (const sign of ["upgrade", "envelope"])
    for (const { entry } of shrunk) expect(openedEntry(entry, sealer, ["action-request", sign])).toBeTruthy();
  const opened = shrunk.map(({ entry }) => openedEntry(entry, sealer, ["sealed-blob"]) as ActionRequestEntry);
  expect(opened.map(({ parameters_blob: blob }) => blob)).toEqual(
    [1, 1, 1, 2].map((n) => ({
      digest: expect.stringMatching(new RegExp(`${n}$`)),
      size: stored[n - 1]?.length,
    })),
  );
  for (const { parameters_key: key = "" } of opened.slice(0, 3))
    expect(JSON.parse(Buffer.from(openBlob(stored[0] ?? new Uint8Array(), key)).toString())).toEqual({
      token: secret,
      text,
    });
});

test("parameters that a blob would cut are refused: they would be others", async () => {
  const put = async () => ({ digest: "sha256:0", size: 1, truncated: true }) as const;
  const shrink = createShrinker({ put, sealer, random: systemRandom });
  const text = "x".repeat(100 * KiB);
  for (const dispatch of [secretRequest("E1", {}, { text }), request(execution(1), { parameters: { text } })])
    await expect(shrink([dispatch])).rejects.toMatchObject({ code: "PARAMETER_INVALID" });
});
