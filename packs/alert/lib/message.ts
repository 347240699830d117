/** A mail as text (RFC 5322, MIME). Pure: date and id are given. */
import { oneLine } from "./alert.ts";

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly body: string;
  readonly date: Date;
  readonly id: string;
}

/** Nothing but an address: whatever else stood there could be a command or a header. */
export const isAddress = (text: string): boolean => /^[^\s<>@,;:"\\]+@[^\s<>@,;:"\\]+$/.test(text);

/** A header's text: encoded words (RFC 2047), unless it is plain and short. No letter is cut in two. */
function header(text: string): string {
  const line = oneLine(text);
  if (/^[\x20-\x7e]{0,60}$/.test(line)) return line;
  const words: string[] = [];
  let word = "";
  for (const letter of line) {
    if (Buffer.byteLength(word + letter) > 42) {
      words.push(word);
      word = "";
    }
    word += letter;
  }
  return [...words, word].map((each) => `=?UTF-8?B?${Buffer.from(each).toString("base64")}?=`).join("\r\n ");
}

export function mailText({ from, to, subject, body, date, id }: Mail): string {
  const encoded =
    Buffer.from(body)
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  return [
    `From: ${from}`,
    `To: ${to.join(",\r\n ")}`,
    `Subject: ${header(subject.slice(0, 500))}`,
    `Date: ${date.toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${id}@petrel>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...encoded,
  ].join("\r\n");
}
