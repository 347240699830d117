/** Cursors as clients see them: opaque, and told from anything that no page has given. */
import { createHash } from "node:crypto";
import { PetrelError } from "../../shared/errors.ts";

/** Bytes in front that say which list and place it is: an accident does not hit them, and nothing is secret here. */
const checkBytes = 6;

const checkOf = (list: string, place: string) =>
  createHash("sha256").update(`${list}\0${place}`).digest().subarray(0, checkBytes);

/** Where a page of `list` (its route) ended, as a text that `placeOfCursor` reads. */
export function cursorOf(list: string, place: string): string {
  return Buffer.concat([checkOf(list, place), Buffer.from(place)]).toString("base64url");
}

/**
 * The place where the page before ended. API_BAD_REQUEST for a text that no page of this list has given: read as a
 * place it would begin somewhere, and a client that follows it would miss rows without being told.
 */
export function placeOfCursor(list: string, cursor: string): string {
  const bytes = Buffer.from(cursor, "base64url");
  const place = bytes.subarray(checkBytes).toString();
  // Written again and compared: a decoder passes over letters that are none of its own.
  if (place !== "" && cursorOf(list, place) === cursor) return place;
  throw new PetrelError("API_BAD_REQUEST", "cursor is none that a page of this list has given", {
    where: "querystring",
    hint: "pass on the cursor of the page before as it is, or leave it out to begin at the top",
  });
}
