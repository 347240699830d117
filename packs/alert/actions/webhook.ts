/** Posts an alert as JSON. */
import { createHmac } from "node:crypto";
import { type Alert, type Context, notConfigured, type Told } from "../lib/alert.ts";
import { post } from "../lib/post.ts";

interface Webhook {
  readonly url?: string;
  readonly key?: string;
  readonly authorization?: string;
}

export default async function webhook(alert: Alert, { config }: Context): Promise<Told> {
  const { url, key, authorization } = (config.webhook ?? {}) as Webhook;
  if (!url) return notConfigured("webhook.url", "webhook.url=https://alerts.example/petrel");
  const { title, text, severity, host, event } = alert;
  const body = JSON.stringify({ title, text, severity, host, event });
  const signature = key ? createHmac("sha256", key).update(body).digest("hex") : null;
  return post(url, body, {
    ...(signature !== null && { "x-petrel-signature": `sha256=${signature}` }),
    ...(authorization && { authorization }),
  });
}
