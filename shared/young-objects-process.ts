/** Where V8 puts the objects of a process that works on many small things, each for a moment. */
import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8 from making objects old from the start. It does so for whole places in the code, and for good, once it has seen
 * enough objects from there survive: a burst is enough, in which more is under way than usual. Each such object is garbage
 * within milliseconds, and until the next full collection V8 keeps alive all that it names. To be called before there is work
 * to do. `node --trace-gc-nvp` shows it as `promoted`.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
