/** A value as it stands in a line of parameters: as a JSON string where a comma, colon or line break would be misread. */
export function quoted(value: string): string {
  return /[,:\n]/.test(value) ? JSON.stringify(value) : value;
}

/** The value that was quoted; a text that is no JSON string is taken as it is. */
export function unquoted(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text; // quotes that somebody wrote by hand are part of the value
  }
}
