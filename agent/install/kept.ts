/** What `petrel-agent install` leaves as it is on a host that has an agent already, whatever the command says. Pure. */

export interface Asked {
  readonly hub: string | null;
  readonly id: string | null;
  /** Whether a token was given. */
  readonly token: boolean;
}

export interface KeptIdentity {
  readonly agent: string;
  readonly hub: string;
}

/** Options that had no effect on a host with this identity. */
export function notUsed(asked: Asked, { agent, hub }: KeptIdentity): readonly string[] {
  return [
    ...(asked.id !== null && asked.id !== agent ? ["--id"] : []),
    ...(asked.hub !== null && asked.hub !== hub ? ["--hub"] : []),
    ...(asked.token ? ["--token"] : []),
  ];
}

/** For people; `""` when all was used. */
export function keptText(options: readonly string[], { agent, hub }: KeptIdentity): string {
  if (options.length === 0) return "";
  const what = options.join(" and ");
  const other = options.some((option) => option !== "--token");
  const how = other
    ? `; for another one: \`petrel agent remove ${agent}\` on the hub, then \`petrel-agent uninstall --purge\` here, and install again`
    : "";
  return `this host is enrolled already, as ${agent} at ${hub}, and stays so: ${what} ${options.length === 1 ? "was" : "were"} not used${how}\n`;
}
