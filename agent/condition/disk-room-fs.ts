/** Room on the disk of the agent's data: how much there is, and a file that keeps some for the worst. */
import { open, rm, stat, statfs } from "node:fs/promises";

/** Bytes that a process of this user may still write there; `null` when the file system does not say. */
export async function freeBytes(folder: string): Promise<number | null> {
  const { bavail, bsize, blocks } = await statfs(folder);
  return blocks === 0 ? null : bavail * bsize;
}

/** Makes the reserve unless it is there. Rejects, and leaves nothing behind, when there is no room for it. */
export async function makeReserve(file: string, bytes: number): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size === bytes) return;
  try {
    const handle = await open(file, "w", 0o600);
    try {
      // Written, not only extended: a hole keeps nothing free.
      await handle.writeFile(Buffer.alloc(bytes));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await releaseReserve(file);
    throw error;
  }
}

export async function releaseReserve(file: string): Promise<void> {
  await rm(file, { force: true });
}
