/** The hub's operations for tests of the API: remembers each call, answers what the test wants. */
import type { HubOperations } from "../../hub/operations.ts";
import { PetrelError } from "../../shared/errors.ts";

export interface Call {
  readonly name: keyof HubOperations;
  readonly args: readonly unknown[];
}

export interface RecordingOperations extends HubOperations {
  readonly calls: readonly Call[];
}

/** An operation that `answers` does not have throws NOT_FOUND, as for a record that is not there. */
export function recordingOperations(answers: Partial<HubOperations> = {}): RecordingOperations {
  const calls: Call[] = [];
  return new Proxy({ ...answers, calls } as unknown as RecordingOperations, {
    get: (target, name) => {
      if (name === "calls") return calls;
      return (...args: readonly unknown[]) => {
        calls.push({ name: name as keyof HubOperations, args });
        const answer = (target as unknown as Record<string | symbol, unknown>)[name];
        if (typeof answer === "function") return answer(...args);
        throw new PetrelError("NOT_FOUND", `no such record for ${String(name)}`);
      };
    },
  });
}
