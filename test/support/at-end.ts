/** Clean-up for whatever a test starts: when the test ends or, for what a whole file shares, when the file does. */
import { afterAll, afterEach, beforeAll, onTestFinished } from "vitest";

type CleanUp = (end: { readonly failed: boolean }) => unknown;

/** Set while `sharedByFile` or `cleanedUpAfter` collects what its things need. */
let file: CleanUp[] | null = null;

/** Runs `cleanUp` when the test that is running ends, last registered first. */
export function atEnd(cleanUp: CleanUp): void {
  if (file !== null) file.push(cleanUp);
  else onTestFinished(async ({ task }) => void (await cleanUp({ failed: task.result?.state === "fail" })));
}

/** What the tests of a file share: made before the first of them, cleaned up after the last. */
export function sharedByFile<T>(make: () => Promise<T>): () => T {
  const cleanUps: CleanUp[] = [];
  let made: { readonly value: T } | null = null;
  beforeAll(async () => {
    file = cleanUps;
    try {
      made = { value: await make() };
    } finally {
      file = null;
    }
  });
  let failed = false;
  afterEach(({ task }) => {
    failed ||= task.result?.state === "fail";
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp({ failed: failed || made === null });
  });
  return () => {
    if (made === null) throw new Error("not made yet: ask for it inside a test");
    return made.value;
  };
}

/** Runs `work` outside any test, and then the clean-ups of whatever it has started; `failed` when it threw. */
export async function cleanedUpAfter<T>(work: () => Promise<T>): Promise<T> {
  const cleanUps: CleanUp[] = [];
  const outer = file;
  file = cleanUps;
  let failed = true;
  try {
    const value = await work();
    failed = false;
    return value;
  } finally {
    file = outer;
    for (const cleanUp of cleanUps.reverse()) await cleanUp({ failed });
  }
}
