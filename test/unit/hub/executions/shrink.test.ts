import { expect, test } from "vitest";
import { createShrinker } from "../../../../hub/executions/shrink.ts";
import { systemRandom } from "../../../../shared/system-process.ts";
import { execution, request } from "../../../contract/store/world.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const KiB = 1024;

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
  const [shrunk] = await createShrinker({ put, sealer: testSealer(), random: systemRandom })([dispatch]);
  expect(Buffer.byteLength(JSON.stringify(shrunk?.entry))).toBeLessThan(128 * KiB);
  expect(stored).toEqual(goes ? [JSON.stringify(parameters)] : []);
  if (goes) expect(shrunk?.entry).toMatchObject({ parameters: {}, parameters_blob: { digest: "sha256:0" } });
  else expect(shrunk).toEqual(dispatch);
});
