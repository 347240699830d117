/** A message with QoS 0 as it stands on the stream; MQTT 3.1.1 §3.3. */

const publishQos0 = 0x30;

/** One buffer: the library writes the same in six pieces, which cost more than they carry. `topic` has 65,535 bytes at most. */
export function publishFrame(topic: string, payload: Uint8Array): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const bodyBytes = 2 + topicBytes + payload.length;
  const lengthBytes = bodyBytes < 1 << 7 ? 1 : bodyBytes < 1 << 14 ? 2 : bodyBytes < 1 << 21 ? 3 : 4;
  const frame = Buffer.allocUnsafe(1 + lengthBytes + bodyBytes);
  frame[0] = publishQos0;
  let left = bodyBytes;
  for (let at = 1; at <= lengthBytes; at++) {
    frame[at] = at < lengthBytes ? (left & 0x7f) | 0x80 : left;
    left >>>= 7;
  }
  const start = 1 + lengthBytes + 2;
  frame.writeUInt16BE(topicBytes, start - 2);
  frame.write(topic, start);
  frame.set(payload, start + topicBytes);
  return frame;
}
