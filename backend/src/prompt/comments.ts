/** Removes what follows `#` to the end of its line, as A1111 does: a line that is nothing else goes with its end. `#` cannot be escaped. */
export function withoutComments(text: string): string {
  return text.replace(/(^|\n)#[^\n]*(\n|$)/g, '\n').replace(/#[^\n]*(\n|$)/g, '\n');
}
