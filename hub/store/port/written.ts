/** What a write with an expectation answers. */

/** Result of a write that expects a revision: false when the record had changed. */
export type Written = boolean;
