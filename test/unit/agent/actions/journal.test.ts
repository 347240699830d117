import { describe, expect, it } from "vitest";
import { type OpenExecution, recoveryStep } from "../../../../agent/actions/journal.ts";
import { actionRequest } from "../../../support/runner-settings.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const started = { at: "2026-01-01T11:00:00.000Z", group: null, attempt: 1 };
const cancel = { at: "2026-01-01T11:30:00.000Z", reason: "canceled by bo" };
const past = "2026-01-01T11:59:59.000Z";
const open = (changes: Partial<OpenExecution>): OpenExecution => ({
  execution: "E",
  started: null,
  cancel: null,
  size: 1,
  packDigest: "sha256:00",
  action: "bench.act",
  byHand: true,
  ...changes,
});

describe("after a restart", () => {
  const rows = [
    ["what had not started waits", {}, {}, { kind: "queue" }],
    [
      "what had not started and expired waits for its turn to be told so",
      {},
      { expires_at: past },
      { kind: "queue" },
    ],
    ["what had started is abandoned", { started }, {}, { kind: "settle", status: "abandoned" }],
    ["what had started and is idempotent runs again", { started }, { idempotent: true }, { kind: "again" }],
    [
      "an idempotent action does not start again after its expiry",
      { started },
      { idempotent: true, expires_at: past },
      { kind: "settle", status: "abandoned" },
    ],
    [
      "what was being canceled is canceled",
      { started, cancel },
      { idempotent: true },
      { kind: "settle", status: "canceled", reason: "canceled by bo" },
    ],
    ["what was canceled while it waited is canceled", { cancel }, {}, { kind: "settle", status: "canceled" }],
  ] as const;
  it.each(rows)("%s", (_what, changes, request, step) => {
    expect(recoveryStep(open(changes), actionRequest(request), now)).toMatchObject(step);
  });
});
