/*
 * Contents of [ ] in regular expressions with the `u` flag. The grammars of prompts were defined by Python's regular
 * expressions, whose \s and \w are not JavaScript's: \w knows every script, \s the separators U+001C to U+001F and
 * U+0085, but not the byte order mark.
 */

/** Python's \s. */
export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Python's \w. */
export const WORD = '\\p{L}\\p{N}_';
