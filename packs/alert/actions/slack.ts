/** Posts an alert to a Slack channel. */
import { type Alert, type Context, lines, notConfigured, oneLine, type Told } from "../lib/alert.ts";
import { post } from "../lib/post.ts";

/** Slack reads three letters as its own; everything else stays text. */
const plain = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export default async function slack(alert: Alert, { config }: Context): Promise<Told> {
  const { url, channel } = (config.slack ?? {}) as { url?: string; channel?: string };
  if (!url) return notConfigured("slack.url", "slack.url=https://hooks.slack.com/services/…");
  const text = [`*${plain(oneLine(alert.title))}*`, ...lines(alert).map(plain)].join("\n");
  return post(url, JSON.stringify({ text, ...(channel && { channel }) }));
}
