/** What people say of changes of files: that they have seen them, and why they are right. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { FileAck } from "../../shared/model/file-change.ts";
import type { Store } from "../store/store.ts";

export interface AckRequest {
  readonly ids: readonly string[];
  readonly reason: string;
  readonly user: string;
}

export interface FileDesk {
  /**
   * What holds for each of them, in their order, each once: whoever was first stays. NOT_FOUND when one is no change of
   * a file; then none is acknowledged.
   */
  acknowledge(request: AckRequest): Promise<readonly FileAck[]>;
}

export function createFileDesk({
  store,
  now,
}: {
  readonly store: Pick<Store, "acknowledge">;
  readonly now: () => number;
}): FileDesk {
  return {
    async acknowledge({ ids, reason, user }) {
      const at = timestamp(now());
      const acks = [...new Set(ids)].map((change) => ({ change, by: user, at, reason }));
      const held = await store.acknowledge(acks);
      if (typeof held !== "string") return held;
      throw new PetrelError("NOT_FOUND", `no change of a file has the id ${held}; nothing was acknowledged`, {
        hint: "`petrel file changes` shows what there is",
      });
    },
  };
}
