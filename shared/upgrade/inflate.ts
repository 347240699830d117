/** What the parts of a binary hold together: one Zstandard stream, read as it comes. */
import { createZstdDecompress } from "node:zlib";
import { PetrelError } from "../errors.ts";

/**
 * The content, in pieces; no more of it is held than one part and one piece. What `parts` throws passes through.
 * RELEASE_INVALID: the parts are no such stream, or are more than that: each byte has to count.
 */
export async function* inflated(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const inflate = createZstdDecompress();
  let given = 0;
  let cut: { readonly by: unknown } | null = null;
  const closed = new Promise<void>((resolve) => inflate.once("close", resolve));
  const feed = async () => {
    try {
      for await (const part of parts) {
        if (inflate.destroyed) return;
        given += part.length;
        if (inflate.write(part)) continue;
        await Promise.race([new Promise<void>((resolve) => inflate.once("drain", resolve)), closed]);
      }
      inflate.end();
    } catch (error) {
      // Whoever reads meets it at the next piece.
      cut = { by: error };
      inflate.destroy(new Error("its parts end"));
    }
  };
  const fed = feed();
  try {
    for await (const piece of inflate) yield piece as Uint8Array;
    // Node ends at the end of a frame, and never answers a write that was not needed for it.
    if (inflate.bytesWritten !== given)
      throw new Error(`${given - inflate.bytesWritten} bytes or more stand behind its end`);
  } catch (cause) {
    if (cut !== null) throw (cut as { readonly by: unknown }).by;
    throw new PetrelError("RELEASE_INVALID", `the content cannot be read: ${(cause as Error).message}`, {
      hint: "the parts have to be one Zstandard stream; `petrel agent release add FILE` makes them",
      cause,
    });
  } finally {
    inflate.destroy();
    await fed;
  }
}
