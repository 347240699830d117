/** What /proc/PID/smaps says (proc_pid_smaps(5)). */

/**
 * Where `file` is mapped, may not be written to, and has not been written to: no page of it is this process's alone, as
 * those are that the loader has relocated. Addresses and lengths in bytes.
 */
export function untouchedMaps(
  smaps: string,
  file: string,
): readonly (readonly [address: bigint, length: bigint])[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((map) => {
    const [, from = "", to = "", mode = "", path] =
      /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(.*)$/m.exec(map) ?? [];
    const isClean = /^Anonymous: +0 kB$/m.test(map) && /^Private_Dirty: +0 kB$/m.test(map);
    if (path !== file || !/^r-[-x]p$/.test(mode) || !isClean) return [];
    const address = BigInt(`0x${from}`);
    return [[address, BigInt(`0x${to}`) - address] as const];
  });
}
