/** Says in the log how the audit's chain ends: logs are kept elsewhere, out of reach of who reaches the database. */
import type { Logger } from "../../shared/log.ts";
import type { ChainHead } from "./chain.ts";

/** As `petrel audit head` prints it and `petrel audit verify --expect` takes it. */
export const headText = ({ seq, hash }: Pick<ChainHead, "seq" | "hash">): string => `${seq}:${hash}`;

export function noteHead(log: Logger, head: Pick<ChainHead, "seq" | "hash"> | null): void {
  if (head !== null && head.seq > 0) log.info("audit head", { head: headText(head) });
}

/** `null` for a text that is no head. */
export function parseHead(text: string): { readonly seq: number; readonly hash: string } | null {
  const [, seq, hash] = /^([1-9][0-9]{0,11}):([0-9a-f]{64})$/.exec(text.trim().toLowerCase()) ?? [];
  return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
}
