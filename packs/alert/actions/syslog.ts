/** Writes an alert to syslog. */
import { hostname } from "node:os";
import { type Alert, type Context, lines, oneLine, type Told, why, withinMs } from "../lib/alert.ts";
import { sendLine } from "../lib/syslog.ts";

const severities = { critical: 2, error: 3, warning: 4, info: 6 } as const;

interface Syslog {
  readonly address?: string;
  readonly facility?: number;
  readonly app?: string;
}

export default async function syslog(alert: Alert, { config }: Context): Promise<Told> {
  const { address = "unix:///dev/log", facility = 3, app = "petrel" } = (config.syslog ?? {}) as Syslog;
  if (!URL.canParse(address) || !/^(udp|tcp|unix):\/\//.test(address)) {
    return [false, `'${address}' is none of udp://HOST:PORT, tcp://HOST:PORT, unix:///PATH`];
  }
  const text = [oneLine(alert.title), ...lines(alert).filter((line) => line !== "")].join("; ");
  const severity = severities[alert.severity];
  const line = { facility, severity, at: new Date(), host: hostname(), app, pid: process.pid, text };
  try {
    await sendLine(address, line, withinMs);
    return [true, { address }];
  } catch (error) {
    return [false, `${address}: ${why(error)}`];
  }
}
