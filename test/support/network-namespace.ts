/** Runs a test's daemons and commands in network namespaces of their own (`ip netns`, which needs root). */

/** In a process's environment: the namespace that it is to run in. */
export const networkOf = "PETREL_TEST_NETWORK";

/** What to start for this command; what `ip` executes takes the place of its own process, so its pid is the command's. */
export function inNetwork(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { readonly file: string; readonly args: readonly string[] } {
  const name = env[networkOf];
  return name === undefined ? { file, args } : { file: "ip", args: ["netns", "exec", name, file, ...args] };
}
