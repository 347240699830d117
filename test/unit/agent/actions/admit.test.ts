import { describe, expect, it } from "vitest";
import { type Admission, admit } from "../../../../agent/actions/admit.ts";
import type { JournalState } from "../../../../agent/actions/journal.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { ActionRequestEntry } from "../../../../shared/wire/messages.ts";
import { actionRequest } from "../../../support/runner-settings.ts";

const context = {
  hubNow: Date.parse("2026-01-01T12:00:00Z"),
  runners: new Set(["noop", "python-script"]),
  refusing: null,
  outcome: () => null,
};
const past = "2026-01-01T12:00:00.000Z";
const future = "2026-01-01T12:00:00.001Z";
const cancel = { at: past, reason: "canceled by bo" };
const result = { status: "succeeded", result: 7, ended_at: past } as const;
const started = { at: past, group: null, attempt: 1 };

const rows: readonly [
  what: string,
  request: Partial<ActionRequestEntry>,
  state: JournalState,
  Admission["kind"],
  says?: object,
][] = [
  ["a new request", {}, { phase: "unknown" }, "accept"],
  ["a request that expires later", { expires_at: future }, { phase: "unknown" }, "accept"],
  [
    "a request at its expiry",
    { expires_at: past },
    { phase: "unknown" },
    "refuse",
    { status: "timeout", reason: "expired" },
  ],
  [
    "an unknown runner",
    { runner: "winrm-cmd" },
    { phase: "unknown" },
    "refuse",
    { status: "failed", reason: expect.stringContaining("RUNNER_UNKNOWN") },
  ],
  [
    "a timeout of nothing",
    { timeout: 0 },
    { phase: "unknown" },
    "refuse",
    { status: "failed", reason: expect.stringContaining("PARAMETER_INVALID") },
  ],
  [
    "a request canceled before it came",
    {},
    { phase: "canceled-early", cancel },
    "refuse",
    { status: "canceled", reason: "canceled by bo" },
  ],
  [
    "an expired request canceled before it came",
    { expires_at: past },
    { phase: "canceled-early", cancel },
    "refuse",
    { status: "canceled" },
  ],
  ["a repeat while it waits", {}, { phase: "accepted", cancel: null }, "repeat"],
  ["a repeat while it waits and was canceled", {}, { phase: "accepted", cancel }, "repeat"],
  ["a repeat while it runs", {}, { phase: "started", started, cancel: null }, "repeat"],
  [
    "an expired repeat while it runs",
    { expires_at: past },
    { phase: "started", started, cancel: null },
    "repeat",
  ],
  ["a repeat after its result", {}, { phase: "settled", result }, "answer"],
  ["an expired repeat after its result", { expires_at: past }, { phase: "settled", result }, "answer"],
  [
    "a repeat after its result for a runner that has gone",
    { runner: "gone" },
    { phase: "settled", result },
    "answer",
  ],
];

describe("admission", () => {
  it.each(rows)("%s", (_what, request, state, kind, says) => {
    const admission = admit(actionRequest(request), state, context);
    expect(admission.kind).toBe(kind);
    if (admission.kind === "refuse") expect(admission.outcome).toMatchObject(says ?? {});
    if (admission.kind === "answer") expect(admission.result).toEqual(result);
  });

  it("settles what has no effect, unless something else is to be said of it first", () => {
    const outcome = { status: "succeeded", result: 1 } as const;
    const pure = { ...context, outcome: () => outcome };
    expect(admit(actionRequest({}), { phase: "unknown" }, pure)).toEqual({ kind: "settle", outcome });
    expect(admit(actionRequest({ expires_at: past }), { phase: "unknown" }, pure).kind).toBe("refuse");
    expect(admit(actionRequest({}), { phase: "canceled-early", cancel }, pure).kind).toBe("refuse");
    expect(admit(actionRequest({}), { phase: "accepted", cancel: null }, pure).kind).toBe("repeat");
    expect(admit(actionRequest({}), { phase: "settled", result }, pure).kind).toBe("answer");
  });

  it("is refused where the host does not let it run, before anything else is said of it; what is known is answered", () => {
    const error = new PetrelError("HOST_REFUSED", "not here", { where: "deny.actions", hint: "ask" });
    const policy = { ...context, refusing: "its disk is nearly full", hostRefuses: () => error };
    const result = { error: "not here", code: "HOST_REFUSED", where: "deny.actions", fix: "ask" };
    expect(admit(actionRequest({ runner: "gone" }), { phase: "unknown" }, policy)).toEqual({
      kind: "refuse",
      outcome: { status: "failed", result, reason: "HOST_REFUSED: not here" },
    });
    expect(admit(actionRequest({}), { phase: "accepted", cancel: null }, policy).kind).toBe("repeat");
    const open = { ...context, hostRefuses: () => null };
    expect(admit(actionRequest({}), { phase: "unknown" }, open).kind).toBe("accept");
  });

  it("is refused while the agent is degraded, but only what is new; a cancel before it counts more", () => {
    const degraded = { ...context, refusing: "its disk is nearly full" };
    expect(admit(actionRequest({}), { phase: "unknown" }, degraded)).toMatchObject({
      kind: "refuse",
      outcome: {
        status: "failed",
        reason: "AGENT_DEGRADED: the agent takes no action at present: its disk is nearly full",
        result: { code: "AGENT_DEGRADED" },
      },
    });
    expect(admit(actionRequest({}), { phase: "started", started, cancel: null }, degraded).kind).toBe(
      "repeat",
    );
    expect(admit(actionRequest({}), { phase: "settled", result }, degraded).kind).toBe("answer");
  });

  it("names the runners there are when one is unknown", () => {
    const admission = admit(actionRequest({ runner: "noob" }), { phase: "unknown" }, context);
    expect(admission).toMatchObject({
      outcome: { result: { error: "this agent has no runner 'noob'; it has noop, python-script" } },
    });
  });
});
