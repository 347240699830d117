/** Makes a new UUID (RFC 9562). */
import { randomBytes, randomUUID } from "node:crypto";

/** 100 ns between the beginning of the Gregorian calendar and that of Unix time. */
const gregorian = 122_192_928_000_000_000n;

/** Of the time, with a random node: the host's own address is nobody's business. */
function uuid1(): string {
  const random = randomBytes(8);
  // Finer than a millisecond by chance, so that two of one moment differ there, too.
  const fine = BigInt(randomBytes(2).readUInt16BE() % 10_000);
  const time = (BigInt(Date.now()) * 10_000n + gregorian + fine).toString(16).padStart(15, "0");
  random[0] = ((random[0] ?? 0) & 0x3f) | 0x80;
  // The bit that says: no address of a network card.
  random[2] = (random[2] ?? 0) | 0x01;
  const rest = random.toString("hex");
  return `${time.slice(7)}-${time.slice(3, 7)}-1${time.slice(0, 3)}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

export default function uuid({ uuid_type }: { readonly uuid_type: "uuid1" | "uuid4" }): string {
  return uuid_type === "uuid1" ? uuid1() : randomUUID();
}
