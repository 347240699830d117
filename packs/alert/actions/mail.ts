/** Sends an alert by mail. */
import { randomUUID } from "node:crypto";
import { type Alert, type Context, lines, notConfigured, type Told, why, withinMs } from "../lib/alert.ts";
import { isAddress, mailText } from "../lib/message.ts";
import { Refused, type Server, sendMail } from "../lib/smtp.ts";

interface Mail extends Server {
  readonly from?: string;
  readonly to?: readonly string[];
}

export default async function mail(
  alert: Alert & { readonly to?: readonly string[] | null },
  { config }: Context,
): Promise<Told> {
  const { from, to: everybody, ...server } = (config.mail ?? {}) as Mail;
  const to = alert.to ?? everybody ?? [];
  if (!from) return notConfigured("mail.from", "mail.from=petrel@example.org");
  if (to.length === 0) return notConfigured("mail.to", "mail.to=[ops@example.org]");
  const odd = [from, ...to].find((address) => !isAddress(address));
  if (odd !== undefined) return [false, `'${odd}' is no mail address`];
  const subject = alert.host === "" ? alert.title : `[${alert.host}] ${alert.title}`;
  const body = `${lines(alert).join("\r\n")}\r\n`;
  const message = mailText({ from, to, subject, body, date: new Date(), id: randomUUID() });
  const { host, port } = server;
  try {
    await sendMail(server, { from, to, message }, withinMs);
    return [true, { server: `${host}:${port}`, to }];
  } catch (error) {
    return [false, `${host}:${port}: ${error instanceof Refused ? error.message : why(error)}`];
  }
}
