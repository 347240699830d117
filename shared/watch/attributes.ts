/** What of a file is compared, by the names that configurations and payloads use. */

/** Names in `changed`, in the order of reading. */
export const attributeNames = [
  "kind",
  "digest",
  "size",
  "mode",
  "uid",
  "gid",
  "mtime",
  "ctime",
  "ino",
  "links",
  "target",
  "xattrs",
] as const;
export type AttributeName = (typeof attributeNames)[number];
