/** The version of this software, in one place. */
export const version = "0.1.0";
