/** How an execution's end is written: whatever its result, it has one, and its slot is free afterwards. */
import { expect, test } from "vitest";
import { maxInlineResultBytes } from "../../../../agent/actions/result.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { bareWorker } from "../../../support/bare-worker.ts";

/** Six bytes of JSON each. */
const longReason = "\u0001".repeat(5_000);

test.each([
  ["open", false, maxInlineResultBytes, false],
  ["secret", true, maxInlineResultBytes * 0.75, false],
  ["secret and just too large to be encrypted in its entry", true, maxInlineResultBytes * 0.75 + 1, true],
  ["secret and as large as an open one may be", true, maxInlineResultBytes, true],
])("a result that is %s is stored, whatever else is to be told", async (_, isSecret, size, isBlob) => {
  const { worker: made, accept, state, blobs } = await bareWorker();
  const execution = await accept(isSecret);
  const result = "x".repeat(size - 2);
  await made.settle(execution, { status: "failed", result, reason: longReason }, "2026-01-01T00:00:00.000Z");
  expect(await state(execution)).toMatchObject({ phase: "settled", result: { status: "failed" } });
  expect(blobs).toHaveLength(isBlob ? 1 : 0);
});

test.each(["LINK_ENTRY_TOO_LARGE", "WIRE_PACKET"] as const)(
  "a result of which the link says %s fails its execution, and is not tried for ever",
  async (code) => {
    const {
      worker: made,
      accept,
      state,
    } = await bareWorker({
      append: (real) => async (entries, ops) => {
        if (JSON.stringify(entries).includes("too much")) throw new PetrelError(code, "it can be sent never");
        return real(entries, ops);
      },
    });
    const execution = await accept(false);
    await made.settle(execution, { status: "succeeded", result: "too much" });
    expect(await state(execution)).toMatchObject({
      phase: "settled",
      result: { status: "failed", reason: expect.stringContaining(code) },
    });
  },
);
