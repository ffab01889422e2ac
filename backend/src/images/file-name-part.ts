/** Signs that some file system does not take, or that mean something in paths. */
const forbidden = /[#<>:"/\\|?*\n\r\t]/g;
const MOST_LETTERS = 128;

/** A text as part of a file name, as A1111 makes it: at most 128 letters, nothing that leads into a folder, no dot at its end. */
export function fileNamePart(text: string, spaces: 'kept' | 'underscores' = 'kept'): string {
  const spaced = spaces === 'kept' ? text : text.replaceAll(' ', '_');
  const letters = [...spaced.replaceAll(forbidden, '_').replace(/^ +/, '')].slice(0, MOST_LETTERS).join('');
  let end = letters.length;
  while (end > 0 && (letters[end - 1] === '.' || letters[end - 1] === ' ')) end--;
  return letters.slice(0, end);
}
