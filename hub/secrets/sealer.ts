/** How records have their secrets encrypted: where each belongs is part of it. */

export interface Sealer {
  /**
   * `place` names the record and the field: what was sealed for one place cannot be opened in another. Throws KEY_FILE
   * when the key is missing or damaged.
   */
  seal(place: string, text: string): string;
  /** Throws KEY_FILE, and KEY_UNREADABLE for what was changed, sealed with another key, or for another place. */
  open(place: string, sealed: string): string;
}
