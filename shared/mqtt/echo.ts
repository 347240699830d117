/** Tells a side's own messages when a broker gives them back to it. */
import { isEnvelope } from "../wire/envelope.ts";
import type { Side, TopicKind } from "../wire/messages.ts";

const marks: Record<Side, Buffer> = {
  agent: Buffer.from('"from":"agent"'),
  hub: Buffer.from('"from":"hub"'),
};

/** `from` is among the first members of `hello`, `ask` and `answer`; what others may choose comes after it. */
const searchedBytes = 48;

/**
 * True when `side` itself wrote this message. On topics that both sides publish on, MQTT 3.1.1 brokers return a
 * client's own messages. Cheap, and no judgement: what slips through is refused after decoding.
 */
export function isEcho(side: Side, kind: TopicKind, bytes: Uint8Array): boolean {
  if (kind !== "hello" && kind !== "ask" && kind !== "answer") return false;
  if (isEnvelope(bytes)) return isEnvelope(bytes, side);
  const head = bytes.subarray(0, searchedBytes);
  return Buffer.from(head.buffer, head.byteOffset, head.length).includes(marks[side]);
}
